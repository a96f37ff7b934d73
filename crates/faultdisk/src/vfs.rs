//! SQLite's side: a VFS that is SQLite's own for unix, with seven functions put before its.
//!
//! SQLite finds a file's functions by the table its handle points at. Ours is the first field of an
//! [`Open`], so a handle leads to everything we know of the file; functions we have no opinion on
//! are in the table as SQLite's own, and get the handle they expect. Only memory mapping is left
//! out, since what is written that way would pass us by.
//!
//! What holds for every function here, and is said by SQLite (`sqlite3.h`, "OS Interface Open File
//! Handle" and "OS Interface Object"): the pointers are valid for the call, a handle is not used by
//! two threads at once, and nothing but `xClose` comes after `xClose`.

use std::{
    ffi::{CStr, CString, OsStr, c_char, c_int, c_void},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    ptr, slice,
    sync::atomic::{AtomicBool, Ordering},
};

use rusqlite::ffi::{
    SQLITE_IOERR_SHMSIZE, SQLITE_OK, SQLITE_OPEN_CREATE, SQLITE_OPEN_MAIN_DB,
    SQLITE_OPEN_MAIN_JOURNAL, SQLITE_OPEN_READONLY, SQLITE_OPEN_READWRITE,
    SQLITE_OPEN_SUPER_JOURNAL, SQLITE_OPEN_WAL, sqlite3_file, sqlite3_io_methods, sqlite3_vfs,
    sqlite3_vfs_find, sqlite3_vfs_register,
};

use crate::{layer::Layer, tape::Inode};

/// The last version of the table that maps no memory.
const WITHOUT_MAPPING: c_int = 2;
/// SQLite syncs the directory of these with their first sync, if it may have made them.
const NAMES_SYNCED_WITH: c_int =
    SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
/// What is on the tape. Other files are gone with the process, whatever happens.
const REMEMBERED: c_int = SQLITE_OPEN_MAIN_DB | NAMES_SYNCED_WITH;

/// A disk, as SQLite knows it.
#[repr(C)]
struct Mount {
    /// First, so that SQLite's pointer to it leads to the whole.
    vfs: sqlite3_vfs,
    under: Under,
}

/// What SQLite does not know of it.
struct Under {
    vfs: *mut sqlite3_vfs,
    layer: &'static Layer,
}

/// An open file.
#[repr(C)]
struct Open {
    /// First, so that the pointer in SQLite's handle leads to the whole.
    methods: sqlite3_io_methods,
    beneath: *const sqlite3_io_methods,
    layer: &'static Layer,
    /// None for a file that is not on the tape.
    inode: Option<Inode>,
    /// Whether the next sync is one of the directory too.
    syncs_names: AtomicBool,
}

/// Makes a layer known to SQLite under a name.
pub(crate) fn mount(name: CString, layer: &'static Layer) {
    // SAFETY: the name ends with a zero byte.
    let beneath = unsafe { sqlite3_vfs_find(c"unix".as_ptr()) };
    assert!(!beneath.is_null(), "SQLite has a VFS for this system");
    // SAFETY: it is SQLite's own and stays as long as the process.
    let unix = unsafe { *beneath };
    let vfs = sqlite3_vfs {
        pNext: ptr::null_mut(),
        zName: name.into_raw(),
        xOpen: Some(open),
        xDelete: Some(delete),
        ..unix
    };
    let under = Under { vfs: beneath, layer };
    let mount = Box::into_raw(Box::new(Mount { vfs, under }));
    // SAFETY: `mount` begins with a VFS, and neither it nor its name is ever freed.
    let code = unsafe { sqlite3_vfs_register(mount.cast(), 0) };
    assert_eq!(code, SQLITE_OK, "SQLite refuses the VFS");
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls this with what `mount` registered.
    let Under { vfs: beneath, layer } = *unsafe { under(vfs) };
    let flags = match layer.is_read_only() && !name.is_null() {
        true => flags & !(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_READONLY,
        false => flags,
    };
    // SAFETY: SQLite's own VFS stays as long as the process.
    let really_open = unsafe { (*beneath).xOpen }.expect("every VFS has it");
    // SAFETY: what SQLite gave us, and the VFS the function is of.
    let open = || unsafe { really_open(beneath, name, file, flags, flags_out) };
    let opened = match flags & REMEMBERED != 0 && !name.is_null() {
        // SAFETY: a name that is not null ends with a zero byte.
        true => layer.open(unsafe { path(name) }, open).map(Some),
        false => match open() {
            SQLITE_OK => Ok(None),
            code => Err(code),
        },
    };
    let inode = match opened {
        Ok(inode) => inode,
        Err(code) => return code,
    };
    // SAFETY: an open handle points at the functions of its file.
    let beneath = unsafe { (*file).pMethods };
    let syncs_names = flags & NAMES_SYNCED_WITH != 0 && flags & SQLITE_OPEN_CREATE != 0;
    let open = Box::new(Open {
        methods: sqlite3_io_methods {
            iVersion: WITHOUT_MAPPING,
            xClose: Some(close),
            xWrite: Some(write),
            xTruncate: Some(truncate),
            xSync: Some(sync),
            xShmMap: Some(shm_map),
            // SAFETY: as above.
            ..unsafe { *beneath }
        },
        beneath,
        layer,
        inode,
        syncs_names: AtomicBool::new(syncs_names),
    });
    let open = Box::into_raw(open);
    // SAFETY: the handle is SQLite's to be filled in by us; the box lives until `close`.
    unsafe { (*file).pMethods = open.cast() };
    SQLITE_OK
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: the handle was filled in by `open`.
    let open = unsafe { (*file).pMethods }.cast::<Open>().cast_mut();
    // SAFETY: as above.
    let beneath = unsafe { methods(&*open) };
    let really_close = beneath.xClose.expect("every file has it");
    // SAFETY: the handle is the one the function expects.
    let code = unsafe { really_close(file) };
    // SAFETY: the box is of `open`, and nobody comes after `close`.
    drop(unsafe { Box::from_raw(open) });
    code
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    data: *const c_void,
    length: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: the handle was filled in by `open`.
    let open = unsafe { open_of(file) };
    let really_write = methods(open).xWrite.expect("every file has it");
    // SAFETY: SQLite gives a buffer of this length.
    let bytes = unsafe { slice::from_raw_parts(data.cast::<u8>(), size(length)) };
    open.layer.write(open.inode, size(offset), bytes, |allowed| {
        let allowed = c_int::try_from(allowed).expect("at most `length`");
        // SAFETY: what SQLite gave us, or the first bytes of it.
        unsafe { really_write(file, data, allowed, offset) }
    })
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: i64) -> c_int {
    // SAFETY: the handle was filled in by `open`.
    let open = unsafe { open_of(file) };
    let really_truncate = methods(open).xTruncate.expect("every file has it");
    open.layer.truncate(open.inode, size(length), || {
        // SAFETY: what SQLite gave us.
        unsafe { really_truncate(file, length) }
    })
}

/// Not passed on: the tape alone says what is durable.
unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: the handle was filled in by `open`.
    let open = unsafe { open_of(file) };
    let code = open.layer.sync(open.inode, open.syncs_names.load(Ordering::Relaxed));
    if code == SQLITE_OK {
        open.syncs_names.store(false, Ordering::Relaxed);
    }
    code
}

/// The index of the log is a file that grows, so a full disk has no room for it either.
unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    region: c_int,
    region_size: c_int,
    extend: c_int,
    memory: *mut *mut c_void,
) -> c_int {
    // SAFETY: the handle was filled in by `open`.
    let open = unsafe { open_of(file) };
    let really_map = methods(open).xShmMap.expect("a file on unix has it");
    let refuses = extend != 0 && open.layer.has_no_room();
    let extend = if refuses { 0 } else { extend };
    // SAFETY: what SQLite gave us; not extending is always allowed.
    let code = unsafe { really_map(file, region, region_size, extend, memory) };
    // SAFETY: SQLite gives a place for the answer.
    let mapped = !unsafe { *memory }.is_null();
    if refuses && code == SQLITE_OK && !mapped { SQLITE_IOERR_SHMSIZE } else { code }
}

unsafe extern "C" fn delete(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    sync_names: c_int,
) -> c_int {
    // SAFETY: as in `open`.
    let Under { vfs: beneath, layer } = *unsafe { under(vfs) };
    // SAFETY: as in `open`.
    let really_delete = unsafe { (*beneath).xDelete }.expect("every VFS has it");
    // SAFETY: SQLite deletes by name.
    let path = unsafe { path(name) };
    layer.delete(path, sync_names != 0, || {
        // SAFETY: what SQLite gave us, and the VFS the function is of. The directory is not synced:
        // the tape alone says what is durable.
        unsafe { really_delete(beneath, name, 0) }
    })
}

/// What lies under a disk.
///
/// # Safety
/// The VFS was registered by [`mount`].
unsafe fn under<'a>(vfs: *mut sqlite3_vfs) -> &'a Under {
    // SAFETY: what `mount` registered is the first field of a `Mount`, which is never freed. The
    // reference is to the other field: to the first SQLite writes when it likes.
    unsafe { &(*vfs.cast::<Mount>()).under }
}

/// What we know of a file.
///
/// # Safety
/// The handle was filled in by [`open`] and is not closed.
unsafe fn open_of<'a>(file: *mut sqlite3_file) -> &'a Open {
    // SAFETY: promised by the caller.
    let methods = unsafe { (*file).pMethods };
    // SAFETY: what `open` points a handle at is the first field of an `Open`, which lives until
    // `close` and is never changed in between.
    unsafe { &*methods.cast::<Open>() }
}

/// SQLite's own functions for a file.
fn methods(open: &Open) -> &'static sqlite3_io_methods {
    // SAFETY: a table of SQLite's own, which is constant.
    unsafe { &*open.beneath }
}

/// # Safety
/// The name ends with a zero byte and lives as long as the answer is used.
unsafe fn path<'a>(name: *const c_char) -> &'a Path {
    // SAFETY: promised by the caller.
    let name = unsafe { CStr::from_ptr(name) };
    Path::new(OsStr::from_bytes(name.to_bytes()))
}

/// SQLite counts with signs and never below zero.
fn size(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or_default()
}
