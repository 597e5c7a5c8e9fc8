mod limits;
pub(crate) use limits::Limits;
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Grants { pub(crate) reference: Option<std::path::PathBuf> }
