//! What benches need of the rooms and the command line does not give. No part of the program's interface.

pub mod volume;
