//! What outlives a restart: posts, callers, high scores. One redb file, or memory.

use std::fmt;
use std::path::Path;

use redb::backends::InMemoryBackend;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

/// A post as its readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Post {
    pub(crate) number: u64,
    /// Seconds since 1970.
    pub(crate) when: u64,
    pub(crate) author: String,
    pub(crate) title: String,
    pub(crate) body: String,
}

/// A post in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heading {
    pub(crate) number: u64,
    pub(crate) when: u64,
    pub(crate) author: String,
    pub(crate) title: String,
}

/// Which posts a list begins with; lists run from new to old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    Newest,
    /// Older than this number.
    Before(u64),
    /// Newer than this number, the nearest ones.
    After(u64),
}

/// A caller's visits before this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Visits {
    pub(crate) calls: u64,
    pub(crate) last: u64,
}

/// A line of the high-score table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Score {
    pub(crate) points: u64,
    pub(crate) who: String,
    pub(crate) when: u64,
}

/// The books could not be opened, read or written.
#[derive(Debug)]
pub(crate) struct StoreError(Box<redb::Error>);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            redb::Error::DatabaseAlreadyOpen => {
                f.write_str("the BBS database is in use: is another bbs running with the same data?")
            }
            error => write!(f, "the BBS database: {error}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

impl<E: Into<redb::Error>> std::convert::From<E> for StoreError {
    fn from(error: E) -> Self {
        Self(Box::new(error.into()))
    }
}

/// Board and number lead to when, author, title and body.
const POSTS: TableDefinition<'_, (u8, u64), (u64, &str, &str, &str)> = TableDefinition::new("posts");
/// A caller's name leads to the calls made and the last one's time.
const CALLERS: TableDefinition<'_, &str, (u64, u64)> = TableDefinition::new("callers");
/// Points below `u64::MAX` (the best come first) and a serial number lead to who and when.
const SCORES: TableDefinition<'_, (u64, u64), (&str, u64)> = TableDefinition::new("scores");

/// Posts that a board keeps; the oldest make room for the newest.
const MAX_POSTS: u64 = 1000;
/// Names that are remembered; later ones are strangers at every call.
const MAX_CALLERS: u64 = 10_000;
const MAX_SCORES: usize = 50;
const CACHE_BYTES: usize = 4 << 20;

/// Whatever a method has written is on the disk when it returns.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
    max_posts: u64,
}

impl Store {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        Self::prepare(Database::builder().set_cache_size(CACHE_BYTES).create(path)?)
    }

    /// Keeps everything in memory, for as long as the store lives.
    pub(crate) fn in_memory() -> Result<Self, StoreError> {
        Self::prepare(Database::builder().create_with_backend(InMemoryBackend::new())?)
    }

    fn prepare(database: Database) -> Result<Self, StoreError> {
        let store = Self { database, max_posts: MAX_POSTS };
        store.write(|change| {
            change.open_table(POSTS)?;
            change.open_table(CALLERS)?;
            change.open_table(SCORES)?;
            Ok(())
        })?;
        Ok(store)
    }

    /// Writes a post and answers its number.
    pub(crate) fn post(
        &self,
        board: u8,
        author: &str,
        title: &str,
        body: &str,
        when: u64,
    ) -> Result<u64, StoreError> {
        self.write(|change| {
            let mut posts = change.open_table(POSTS)?;
            let last = posts.range(on(board))?.next_back().transpose()?.map_or(0, |(key, _)| key.value().1);
            let number = last.saturating_add(1);
            posts.insert((board, number), (when, author, title, body))?;
            if let Some(retired) = number.checked_sub(self.max_posts) {
                posts.retain_in((board, 0)..=(board, retired), |_, _| false)?;
            }
            Ok(number)
        })
    }

    pub(crate) fn read(&self, board: u8, number: u64) -> Result<Option<Post>, StoreError> {
        let posts = self.database.begin_read()?.open_table(POSTS)?;
        Ok(posts.get((board, number))?.map(|found| {
            let (when, author, title, body) = found.value();
            Post { number, when, author: author.into(), title: title.into(), body: body.into() }
        }))
    }

    /// At most `limit` headings, new ones first.
    pub(crate) fn list(&self, board: u8, from: From, limit: usize) -> Result<Vec<Heading>, StoreError> {
        let posts = self.database.begin_read()?.open_table(POSTS)?;
        let range = match from {
            From::Newest => posts.range(on(board))?,
            From::Before(number) => posts.range((board, 0)..(board, number))?,
            From::After(number) => posts.range((board, number.saturating_add(1))..=(board, u64::MAX))?,
        };
        let heading = |entry: Result<(redb::AccessGuard<'_, (u8, u64)>, PostGuard<'_>), _>| {
            let (key, value) = entry?;
            let (when, author, title, _) = value.value();
            Ok(Heading { number: key.value().1, when, author: author.into(), title: title.into() })
        };
        if let From::After(_) = from {
            let mut headings: Vec<Heading> =
                range.take(limit).map(heading).collect::<Result<_, StoreError>>()?;
            headings.reverse();
            return Ok(headings);
        }
        range.rev().take(limit).map(heading).collect()
    }

    /// How many posts a board holds.
    pub(crate) fn count(&self, board: u8) -> Result<u64, StoreError> {
        let posts = self.database.begin_read()?.open_table(POSTS)?;
        let mut range = posts.range(on(board))?;
        let Some(first) = range.next().transpose()? else { return Ok(0) };
        let first = first.0.value().1;
        let last = range.next_back().transpose()?.map_or(first, |(key, _)| key.value().1);
        // Numbers have no gaps: posts only ever leave at the old end.
        Ok(last - first + 1)
    }

    /// How many posts of a board are newer than `since`, counting no further than `limit`.
    pub(crate) fn count_since(&self, board: u8, since: u64, limit: usize) -> Result<usize, StoreError> {
        let posts = self.database.begin_read()?.open_table(POSTS)?;
        let mut count = 0;
        for entry in posts.range(on(board))?.rev().take(limit) {
            if entry?.1.value().0 <= since {
                break;
            }
            count += 1;
        }
        Ok(count)
    }

    /// Notes a call and answers what is known about earlier ones.
    pub(crate) fn call(&self, who: &str, when: u64) -> Result<Option<Visits>, StoreError> {
        self.write(|change| {
            let mut callers = change.open_table(CALLERS)?;
            let before = callers.get(who)?.map(|found| found.value());
            let before = before.map(|(calls, last)| Visits { calls, last });
            if before.is_some() || redb::ReadableTableMetadata::len(&callers)? < MAX_CALLERS {
                let calls = before.map_or(0, |visits| visits.calls).saturating_add(1);
                callers.insert(who, (calls, when))?;
            }
            Ok(before)
        })
    }

    /// Enters a score and answers its place in the table, from 1, if it made it there.
    pub(crate) fn score(&self, who: &str, points: u64, when: u64) -> Result<Option<usize>, StoreError> {
        self.write(|change| {
            let mut scores = change.open_table(SCORES)?;
            let rank = u64::MAX - points;
            let earlier = scores.range((rank, 0)..=(rank, u64::MAX))?.next_back().transpose()?;
            let serial = earlier.map_or(0, |(key, _)| key.value().1.saturating_add(1));
            scores.insert((rank, serial), (who, when))?;
            let mut place = 0;
            let mut found = None;
            scores.retain(|key, _| {
                place += 1;
                if key == (rank, serial) {
                    found = Some(place);
                }
                place <= MAX_SCORES
            })?;
            Ok(found.filter(|place| *place <= MAX_SCORES))
        })
    }

    pub(crate) fn best(&self, limit: usize) -> Result<Vec<Score>, StoreError> {
        let scores = self.database.begin_read()?.open_table(SCORES)?;
        scores
            .iter()?
            .take(limit)
            .map(|entry| {
                let (key, value) = entry?;
                let (who, when) = value.value();
                Ok(Score { points: u64::MAX - key.value().0, who: who.into(), when })
            })
            .collect()
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut change = self.database.begin_write()?;
        change.set_durability(Durability::Immediate)?;
        let answer = work(&change)?;
        change.commit()?;
        Ok(answer)
    }
}

type PostGuard<'a> = redb::AccessGuard<'a, (u64, &'static str, &'static str, &'static str)>;

fn on(board: u8) -> std::ops::RangeInclusive<(u8, u64)> {
    (board, 0)..=(board, u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    fn numbers(headings: &[Heading]) -> Vec<u64> {
        headings.iter().map(|heading| heading.number).collect()
    }

    #[test]
    fn posts_are_listed_from_new_to_old_in_pages() {
        let store = Store::in_memory().unwrap();
        for n in 1..=7 {
            assert_eq!(store.post(1, "robey", &format!("title {n}"), "body", n).unwrap(), n);
        }
        store.post(2, "robey", "elsewhere", "body", 9).unwrap();
        let list = |from| numbers(&store.list(1, from, 3).unwrap());
        assert_eq!(list(From::Newest), [7, 6, 5]);
        assert_eq!(list(From::Before(5)), [4, 3, 2]);
        assert_eq!(list(From::Before(2)), [1]);
        assert_eq!(list(From::After(2)), [5, 4, 3]);
        assert_eq!(list(From::After(7)), [0; 0]);
        assert_eq!(store.count(1).unwrap(), 7);
        assert_eq!(store.count(2).unwrap(), 1);
        assert_eq!(store.count(3).unwrap(), 0);
        assert_eq!(store.count_since(1, 4, 99).unwrap(), 3);
        assert_eq!(store.count_since(1, 0, 5).unwrap(), 5);
    }

    #[test]
    fn a_full_board_retires_its_oldest_posts() {
        let mut store = Store::in_memory().unwrap();
        store.max_posts = 3;
        for n in 1..=5 {
            store.post(1, "robey", "t", "b", n).unwrap();
        }
        assert_eq!(numbers(&store.list(1, From::Newest, 10).unwrap()), [5, 4, 3]);
        assert_eq!(store.count(1).unwrap(), 3);
        assert_eq!(store.read(1, 2).unwrap(), None);
    }

    #[test]
    fn calls_are_counted() {
        let store = Store::in_memory().unwrap();
        assert_eq!(store.call("robey", 5).unwrap(), None);
        assert_eq!(store.call("robey", 9).unwrap(), Some(Visits { calls: 1, last: 5 }));
        assert_eq!(store.call("robey", 12).unwrap(), Some(Visits { calls: 2, last: 9 }));
    }

    #[test]
    fn the_best_scores_stay_and_equal_ones_keep_their_order() {
        let store = Store::in_memory().unwrap();
        assert_eq!(store.score("ann", 10, 1).unwrap(), Some(1));
        assert_eq!(store.score("bob", 30, 2).unwrap(), Some(1));
        assert_eq!(store.score("eve", 10, 3).unwrap(), Some(3));
        let best: Vec<(u64, String)> =
            store.best(10).unwrap().into_iter().map(|score| (score.points, score.who)).collect();
        assert_eq!(best, [(30, "bob".into()), (10, "ann".into()), (10, "eve".into())]);
        for _ in 0..MAX_SCORES {
            store.score("champion", 99, 4).unwrap();
        }
        assert_eq!(store.score("late", 1, 5).unwrap(), None);
        assert_eq!(store.best(1000).unwrap().len(), MAX_SCORES);
    }

    #[test]
    fn the_same_file_is_not_opened_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bbs.redb");
        let _open = Store::open(&path).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(error.to_string().contains("another bbs"), "{error}");
    }

    const CHILD: &str = "FERAMIKO_TEST_STORE";

    /// Runs in a child process only: posts until it is killed, telling each number on stdout.
    #[test]
    fn child_posts_until_killed() {
        let Some(path) = std::env::var_os(CHILD) else { return };
        let store = Store::open(Path::new(&path)).unwrap();
        for n in 1..=1_000_000 {
            let number = store.post(1, "robey", &format!("post {n}"), &"iron ".repeat(200), n).unwrap();
            println!("\nposted {number}");
        }
    }

    #[test]
    fn what_was_told_to_be_posted_is_there_after_a_kill() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bbs.redb");
        let mut promised = 0;
        for round in 0..3 {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "bbs::store::tests::child_posts_until_killed", "--nocapture"])
                .env(CHILD, &path)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let told = BufReader::new(child.stdout.take().unwrap())
                .lines()
                .map_while(Result::ok)
                .filter_map(|line| line.strip_prefix("posted ")?.parse().ok());
            let last = told.take(20 + round * 7).last().unwrap();
            // Child::kill sends SIGKILL.
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(last > promised, "the numbers go on where they were");
            promised = last;
            let store = Store::open(&path).unwrap();
            for number in 1..=promised {
                let post = store.read(1, number).unwrap().expect("a promised post");
                assert_eq!((post.author.as_str(), post.body.len()), ("robey", 1000));
            }
            promised = store.count(1).unwrap();
        }
    }
}
