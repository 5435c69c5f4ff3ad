//! What the benches share: the seed district in force, and the traffic of its points.
//! Must not measure anything itself, nor assert how fast anything is. I/O: reads `seeds/`.

pub mod district;
pub mod traffic;
