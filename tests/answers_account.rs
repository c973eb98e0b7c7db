//! The table of answers where people register and verify their phone and e-mail.
