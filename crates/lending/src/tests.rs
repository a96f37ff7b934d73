mod corrections;
mod life;
mod lines;
mod lives;
mod origination;
mod properties;
mod simulation;
mod tables;
