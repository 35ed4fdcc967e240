//! The control unit, and what it learns of zones while their gatekeepers are well.

mod changing;
mod learned;
mod neighbours;
mod phases;
mod random;
mod reach;
mod refusing;
mod restoring;
mod serving;
mod world;
