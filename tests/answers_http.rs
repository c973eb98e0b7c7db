//! The table of answers where no operation is reached yet, or all are alike: paths, methods, sizes, tokens, API keys, modes.
