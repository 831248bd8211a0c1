//! What a rule can allow.

/// What a rule allows. The order is that of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// Make what is not there.
    Create,
    /// Take away.
    Delete,
    /// Nothing, whatever other rules say.
    Deny,
    /// List keys.
    List,
    /// Change parts.
    Patch,
    /// Read.
    Read,
    /// Use what is marked as needing it.
    Sudo,
    /// Change what is there.
    Update,
}

impl Capability {
    /// Every capability, by name.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Delete,
        Self::Deny,
        Self::List,
        Self::Patch,
        Self::Read,
        Self::Sudo,
        Self::Update,
    ];

    /// The name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Deny => "deny",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Read => "read",
            Self::Sudo => "sudo",
            Self::Update => "update",
        }
    }

    /// The capability of that name, written as in policies.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.as_str() == name)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of capabilities in which `deny` stands alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities(u8);

impl Capabilities {
    /// Only `deny`.
    pub const DENY: Self = Self(1 << Capability::Deny as u8);

    /// Whether the set holds `capability`.
    pub fn contains(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }

    /// Whether the set is `deny`.
    pub fn denies(self) -> bool {
        self.contains(Capability::Deny)
    }

    /// Whether the set allows anything at all.
    pub fn grants(self) -> bool {
        self.0 != 0 && !self.denies()
    }

    /// Both sets together; `deny` in either leaves nothing else.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        let both = Self(self.0 | other.0);
        if both.denies() { Self::DENY } else { both }
    }

    /// The capabilities, by name.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |c| self.contains(*c))
    }

    /// The names, sorted; `["deny"]` for a set that allows nothing.
    pub fn names(self) -> Vec<&'static str> {
        let set = if self.grants() { self } else { Self::DENY };
        set.iter().map(Capability::as_str).collect()
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        capabilities.into_iter().fold(Self::default(), |set, c| set.union(Self(c.bit())))
    }
}
