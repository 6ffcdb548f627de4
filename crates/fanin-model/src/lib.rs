//! Opens and rewrites model files.
