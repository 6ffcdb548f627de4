//! Making a comparison: what is asked (`study`), its folder (`asked`), and what is seen while it runs (`live`).

pub(crate) mod asked;
pub(crate) mod live;
pub(crate) mod study;
