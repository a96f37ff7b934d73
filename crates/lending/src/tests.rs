mod corrections;
mod life;
mod lives;
mod origination;
mod properties;
mod simulation;
mod tables;
