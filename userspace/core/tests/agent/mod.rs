//! Agents keep one registration and one connection, whatever gatekeepers do.

mod closing;
mod contested;
mod forgery;
mod keeping;
mod loss;
mod many;
mod proof;
mod proved;
mod random;
mod seeking;
mod steps;
mod table;
mod twins;
mod world;
