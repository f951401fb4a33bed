//! What a backend says it understands (protocol, section 8).
//!
//! The mirror of [`features`](crate::features): a backend that knows more than the original protocol
//! says so on its answers to callbacks, and the gateway does what would surprise others only then.

/// The header that carries the list, on the backend's answers to callbacks.
pub const HEADER: &str = "sse-gateway-understands";

/// One thing that a backend can understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// The callback `refresh`: whether a stream with `expires_in` may go on.
    Refresh,
    /// A disconnect that comes again, because its answer was lost.
    Retries,
    /// Many disconnects in one callback.
    Batches,
    /// A stream that the gateway opened again by itself, after it was restarted.
    Resumed,
    /// Callbacks that name the gateway's life, so that streams of a dead one can be told.
    Lives,
}

impl Ability {
    /// Every ability there is.
    pub const ALL: [Self; 5] = [Self::Refresh, Self::Retries, Self::Batches, Self::Resumed, Self::Lives];

    /// Gives the item of the list.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Retries => "retries",
            Self::Batches => "batches",
            Self::Resumed => "resumed",
            Self::Lives => "lives",
        }
    }
}

/// A set of abilities; a backend that knows only the original protocol has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Understands(u8);

impl Understands {
    /// Reads header values, which may be several; what this version does not know is left out.
    #[must_use]
    pub fn read<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let items = values.into_iter().flat_map(|list| list.split(|byte| *byte == b','));
        items.map(<[u8]>::trim_ascii).fold(Self::default(), |known, item| {
            let named = Ability::ALL.into_iter().find(|ability| ability.as_str().as_bytes() == item);
            named.map_or(known, |ability| known.with(ability))
        })
    }

    /// Adds an ability.
    #[must_use]
    pub fn with(self, ability: Ability) -> Self {
        Self(self.0 | 1 << ability as u8)
    }

    /// Tells whether an ability is in the set.
    #[must_use]
    pub fn has(self, ability: Ability) -> bool {
        self.0 & 1 << ability as u8 != 0
    }

    /// Packs the set, for an atomic.
    #[must_use]
    pub fn to_bits(self) -> u8 {
        self.0
    }

    /// Unpacks a set.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Writes the header's value.
    #[must_use]
    pub fn to_value(self) -> String {
        let names = Ability::ALL.into_iter().filter(|ability| self.has(*ability)).map(Ability::as_str);
        names.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Understands {
        Understands::read(values.iter().map(|value| value.as_bytes()))
    }

    #[test]
    fn an_absent_header_is_a_backend_of_the_original() {
        assert_eq!(read(&[]), Understands::default());
        assert!(Ability::ALL.into_iter().all(|ability| !read(&[""]).has(ability)));
    }

    #[test]
    fn an_ability_is_a_whole_item_of_any_of_the_lists() {
        let known = read(&["batches ,later,refreshing", "refresh"]);
        assert_eq!(known, Understands::default().with(Ability::Batches).with(Ability::Refresh));
        assert_eq!(known.to_value(), "refresh, batches");
    }

    #[test]
    fn a_set_is_read_back_from_what_it_writes() {
        for bits in 0..1 << Ability::ALL.len() {
            let set = Understands::from_bits(bits);
            assert_eq!(read(&[&set.to_value()]), set);
            assert_eq!(Understands::from_bits(set.to_bits()), set);
        }
    }
}
