mod life;
mod lives;
mod properties;
mod rejects;
