//! What is predicted, against closed forms.

mod attention;
mod dense;
mod field;
mod hostile;
mod net;
mod windows;
