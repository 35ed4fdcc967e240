//! The site with a fake kernel, in virtual time: what its parts decide together.

mod backup;
mod life;
mod moving;
mod reconfiguring;
mod remembering;
mod world;
