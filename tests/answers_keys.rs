//! The table of answers where PGP keys are registered and listed.
