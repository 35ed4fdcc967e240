//! The learner: what is seen of registrations, what is published of them, and when it is withdrawn.

mod bounds;
mod captures;
mod changing;
mod diverted;
mod granting;
mod learning;
mod leaving;
mod random;
mod restoring;
mod standby;
mod withdrawn;
pub mod world;
