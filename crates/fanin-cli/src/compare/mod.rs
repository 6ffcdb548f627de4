//! Making a comparison: what is asked (`study`), and what is seen while it runs (`live`).

pub(crate) mod live;
pub(crate) mod study;
