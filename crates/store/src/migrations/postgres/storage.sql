-- How PostgreSQL keeps the rows; databases that speak its protocol keep them their own way and
-- skip this file. Without effect on what is stored, so it may be run again at any time.

-- Bytes are random or packed already, so they are not compressed; up to a block they stay in
-- their row, which is four times fewer writes than pieces of 2 kB in a table beside.
ALTER TABLE log   ALTER transfers SET STORAGE EXTERNAL, SET (toast_tuple_target = 8160);
ALTER TABLE chunk ALTER transfers SET STORAGE EXTERNAL, SET (toast_tuple_target = 8160);
ALTER TABLE page  ALTER accounts  SET STORAGE EXTERNAL, SET (toast_tuple_target = 8160);
ALTER TABLE run   ALTER entries   SET STORAGE EXTERNAL, SET (toast_tuple_target = 8160);

-- Rows that are written again and again find room for their next version in the same block, so
-- that the index need not change.
ALTER TABLE node   SET (fillfactor = 10);
ALTER TABLE lane   SET (fillfactor = 60);
ALTER TABLE record SET (fillfactor = 60);
ALTER TABLE page   SET (fillfactor = 60);
ALTER TABLE day    SET (fillfactor = 60);
ALTER TABLE period SET (fillfactor = 60);
