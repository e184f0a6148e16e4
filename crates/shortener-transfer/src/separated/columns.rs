//! Which field of a row says what: by the names of the columns, in any order.

/// What is read of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Code,
    Url,
    Title,
    Created,
    Expires,
    Clicks,
    Tags,
    Domain,
}

/// What shorteners call it, without blanks, marks and capitals; of several the first that says anything
/// is believed. From the exports of YOURLS and its plug-ins, Shlink, Kutt, Polr, Bitly, Dub and Short.io.
const NAMES: [(Says, &[&str]); 8] = [
    (
        Says::Code,
        &[
            "keyword",
            "shortcode",
            "slug",
            "alias",
            "code",
            "backhalf",
            "key",
            "address",
            "path",
            "source",
            "custombitlink",
            "shorturl",
            "shortlink",
            "bitlink",
            "link",
        ],
    ),
    (
        Says::Url,
        &["longurl", "originalurl", "destinationurl", "destination", "targeturl", "target", "url"],
    ),
    (Says::Title, &["title", "description"]),
    (
        Says::Created,
        &["timestamp", "createdat", "created", "datecreated", "creationdate", "createdon", "date"],
    ),
    (Says::Expires, &["expiresat", "expires", "expirationdate", "validuntil", "expirein"]),
    (
        Says::Clicks,
        &[
            "clicks",
            "visits",
            "hits",
            "visitcount",
            "visitscount",
            "clickcount",
            "totalclicks",
            "totalvisits",
        ],
    ),
    (Says::Tags, &["tags"]),
    (Says::Domain, &["domain"]),
];

/// As YOURLS has them.
pub(super) const YOURLS: [&str; 6] = ["keyword", "url", "title", "timestamp", "ip", "clicks"];

/// The columns of a file.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    names: Vec<String>,
    /// Their places, those that are believed first in front.
    places: Vec<(Says, usize)>,
}

impl Columns {
    /// These; what each of them says, if it is anything that is read.
    pub(super) fn named(names: &[&str]) -> Columns {
        let plain: Vec<String> = names.iter().map(|name| plain(name)).collect();
        let known = NAMES.iter().flat_map(|(says, known)| known.iter().map(|name| (*says, *name)));
        let place = |(says, name)| {
            let places = plain.iter().enumerate().filter(move |(_, plain)| *plain == name);
            places.map(move |(place, _)| (says, place))
        };
        let places = known.flat_map(place).collect();
        Columns { names: names.iter().map(|name| name.trim().to_owned()).collect(), places }
    }

    pub(super) fn count(&self) -> usize {
        self.names.len()
    }

    /// Is there one that says this?
    pub(super) fn has(&self, says: Says) -> bool {
        self.places.iter().any(|(known, _)| *known == says)
    }

    /// What they are called, one after the other.
    pub(super) fn names(&self) -> String {
        self.names.join(",")
    }

    /// Those of which nothing is read. Whoever made a link is not our business, nor how its shortener
    /// counted it.
    pub(super) fn unread(&self) -> Vec<String> {
        let is_read = |place| self.places.iter().any(|(_, known)| *known == place);
        let names = self.names.iter().enumerate();
        let unread = names
            .filter(|(place, name)| !is_read(*place) && !matches!(&*plain(name), "ip" | "id" | ""));
        unread.map(|(_, name)| name.clone()).collect()
    }

    /// What a row says of this; nothing where it is empty.
    pub(super) fn get<'a>(&self, says: Says, fields: &[&'a str]) -> Option<&'a str> {
        let places = self.places.iter().filter(|(known, _)| *known == says);
        let mut said = places.filter_map(|(_, place)| fields.get(*place).copied());
        said.find(|text| !text.is_empty())
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_their_names_whatever_their_spelling_and_order() {
        let columns = Columns::named(&["Visits Count", "long_url", " Short code ", "IP", "Notes"]);
        let fields = ["7", "https://a.example", "a", "192.0.2.1", "x"];
        assert_eq!(columns.get(Says::Clicks, &fields), Some("7"));
        assert_eq!(columns.get(Says::Url, &fields), Some("https://a.example"));
        assert_eq!(columns.get(Says::Code, &fields), Some("a"));
        assert_eq!(columns.get(Says::Title, &fields), None);
        assert_eq!(columns.unread(), ["Notes"]);
        assert!(!columns.has(Says::Tags) && columns.has(Says::Code));
    }

    #[test]
    fn of_two_that_say_the_same_the_first_of_the_list_is_believed_where_it_says_anything() {
        let columns = Columns::named(&["link", "custom_bitlink", "long_url"]);
        let code = |fields: &[&'static str]| columns.get(Says::Code, fields);
        assert_eq!(code(&["bit.ly/1", "bit.ly/mine", "x"]), Some("bit.ly/mine"));
        assert_eq!(code(&["bit.ly/1", "", "x"]), Some("bit.ly/1"));
    }

    #[test]
    fn no_name_says_two_things() {
        let mut names: Vec<_> = NAMES.iter().flat_map(|(_, names)| *names).collect();
        assert!(names.iter().all(|name| plain(name) == **name));
        names.sort_unstable();
        assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
    }
}
