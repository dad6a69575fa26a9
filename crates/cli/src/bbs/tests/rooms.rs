//! The boards, the game, coming and going.

use std::net::{Shutdown, TcpListener, TcpStream};

use super::town::{Guest, Town};
use crate::bbs::door::{Game, Outcome, tests::play_well};
use crate::bbs::random::Random;
use crate::bbs::{Caller, Size, Store};

fn post(guest: &mut Guest, title: &str, body: &[&str]) {
    guest.enters(&["b", "1", "w", title]).enters(body).enters(&["."]);
    guest.sees("Posted as General #");
    guest.enters(&["q", "q"]);
}

#[test]
fn the_opening_screen_shows_the_friend_and_the_menu() {
    let town = Town::new();
    let robey = town.call("robey");
    for text in
        ["o      o", "your iron friend", "Welcome to the Iron Friend BBS, robey", "first call", "Log off"]
    {
        robey.sees(text);
    }
}

#[test]
fn a_post_is_read_by_another_caller() {
    let town = Town::new();
    let mut alice = town.call("alice");
    post(&mut alice, "On friends", &["They are iron.", "", "Or paranoid."]);
    let mut bob = town.call("bob");
    bob.sees("This is your first call. There is one new post.");
    bob.enters(&["b", "1"]);
    bob.sees("   1 08-24  alice         On friends");
    bob.enters(&["1"]);
    for text in ["#1 On friends", "alice, 2003-08-24 18:30", "They are iron.", "Or paranoid."] {
        bob.sees(text);
    }
}

#[test]
fn a_reply_takes_the_title_along() {
    let town = Town::new();
    let mut alice = town.call("alice");
    post(&mut alice, "On friends", &["Hello"]);
    alice.enters(&["b", "general", "1", "r", "Indeed.", "."]);
    alice.sees("Posted as General #2.");
    alice.enters(&["q"]);
    alice.sees("Re: On friends");
    alice.enters(&["2", "r", "Still.", ".", "q"]);
    alice.sees_not("Re: Re:");
}

#[test]
fn posts_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bbs.redb");
    {
        let town = Town::with(Store::open(&path).unwrap());
        post(&mut town.call("alice"), "For later", &["I will be here."]);
    }
    let town = Town::with(Store::open(&path).unwrap());
    town.wait(86_400);
    let mut bob = town.call("bob");
    bob.enters(&["b", "1", "1"]);
    bob.sees("I will be here.");
    let alice = town.call("alice");
    alice.sees("your call number 2; the last one was on 2003-08-24 18:30. There are no new posts.");
}

#[test]
fn a_post_can_be_given_up() {
    let town = Town::new();
    let mut alice = town.call("alice");
    let attempts: [&[&str]; 4] =
        [&["/q"], &[""], &["title", "text", "/q"], &["title", "text", "/d", ".", "/q"]];
    for attempt in attempts {
        alice.enters(&["b", "1", "w"]).enters(attempt);
        alice.sees("Not posted.");
        alice.enters(&["q", "q"]);
    }
    alice.enters(&["b", "1", "w", "title", "text"]).types("\x03");
    assert_eq!(alice.input().0, "Choose>");
    alice.enters(&["b", "1"]);
    alice.sees("Nobody has posted here yet.");
}

#[test]
fn a_post_has_a_largest_size() {
    let town = Town::new();
    let mut alice = town.call("alice");
    alice.enters(&["b", "1", "w", &"long ".repeat(100)]);
    for _ in 0..12 {
        alice.enters(&[&"x".repeat(990)]);
    }
    alice.sees("That is as long as a post can be.");
    alice.enters(&["."]);
    let stored = town.house.store().read(1, 1).unwrap().unwrap();
    assert!(
        stored.title.len() <= 70 && stored.body.len() <= 8000,
        "{} {}",
        stored.title.len(),
        stored.body.len()
    );
    assert!(stored.body.len() > 7000);
}

#[test]
fn lists_are_turned_by_pages() {
    let town = Town::new();
    let store = town.house.store();
    for number in 1..=40 {
        store.post(1, "robey", &format!("title-{number}-"), "body", 0).unwrap();
    }
    let mut alice = town.call("alice");
    alice.enters(&["b", "1"]);
    alice.sees("title-40-");
    alice.sees("title-26-");
    alice.sees_not("title-25-");
    alice.enters(&["n"]);
    alice.sees("title-25-");
    alice.sees_not("title-10-");
    alice.enters(&["n", "n"]);
    alice.sees("title-1-");
    alice.sees("No more posts that way.");
    alice.glass.forget();
    alice.enters(&["p"]);
    alice.sees("title-25-");
    // Reading goes on from post to post.
    alice.enters(&["39", "", ""]);
    alice.sees("#40 title-40-");
    alice.sees("No more posts that way.");
}

#[test]
fn a_long_post_waits_for_its_reader() {
    let town = Town::new();
    let body: Vec<String> = (1..=60).map(|line| format!("line-{line}-")).collect();
    town.house.store().post(1, "robey", "Long", &body.join("\n"), 0).unwrap();
    let mut alice = town.call("alice");
    alice.enters(&["b", "1", "1"]);
    alice.sees("line-15-");
    alice.sees_not("line-30-");
    assert_eq!(alice.input().0, "-- more: Enter, or Q to stop --");
    alice.enters(&[""]);
    alice.sees("line-30-");
    alice.sees_not("line-60-");
    alice.enters(&["q"]);
    alice.sees_not("line-60-");
    alice.enters(&["1", "", "", ""]);
    alice.sees("line-60-");
    assert!(alice.input().0.starts_with("Enter next"));
}

#[test]
fn every_room_fits_a_narrow_screen() {
    // The glass fails the test when anything touches its right edge.
    for cols in [20, 27, 44, 61] {
        let town = Town::new();
        let size = Size { cols, rows: 10 };
        let mut alice = town.call_from("alice", size);
        post(&mut alice, "A title that is longer than the screen is wide", &["word ".repeat(30).as_str()]);
        alice.enters(&[
            "b", "1", "1", "", "", "", "q", "q", "q", "w", "s", "a", "i", "", "b iron 2", "g 2", "q", "c",
        ]);
        alice.enters(&[
            &"words and ".repeat(20),
            "/me looks around in this narrow place",
            "/who",
            "/help",
            "/q",
            "?",
            "l",
        ]);
        alice.sees("Good-bye");
        assert!(alice.session.is_over());
    }
}

#[test]
fn the_game_can_be_won_and_the_table_remembers() {
    let town = Town::new();
    // The house counts its games' seeds up from 1.
    let games: Vec<_> = (1..100).map(|seed| play_well(Game::new(Random::new(seed)))).collect();
    let won = games.iter().position(|game| matches!(game.1, Outcome::Won(_))).unwrap();
    let lost = games.iter().position(|game| matches!(game.1, Outcome::Lost(_))).unwrap();
    let mut alice = town.call("alice");
    alice.enters(&["i"]);
    for (moves, outcome) in &games[..=won.max(lost)] {
        alice.enters(&[""]);
        alice.glass.forget();
        alice.enters(&moves.iter().map(String::as_str).collect::<Vec<_>>());
        match outcome {
            Outcome::Won(points) => {
                alice.sees("Your iron friend is free!");
                alice.sees(&format!("{points} points: place"));
            }
            Outcome::Lost(points) => {
                alice.sees("The days have run out.");
                alice.sees(&format!("{points} points"));
            }
            Outcome::Playing => unreachable!(),
        }
    }
    let best = games[..=won.max(lost)].iter().map(|game| match game.1 {
        Outcome::Won(points) | Outcome::Lost(points) => points,
        Outcome::Playing => 0,
    });
    let table = town.house.store().best(1).unwrap();
    assert_eq!((table[0].who.as_str(), Some(table[0].points)), ("alice", best.max()));
    let mut bob = town.call("bob");
    bob.enters(&["s"]);
    bob.sees(&format!("1. {:>5} alice", table[0].points));
}

#[test]
fn a_bad_move_costs_nothing() {
    let town = Town::new();
    let mut alice = town.call("alice");
    alice.enters(&["i", "", "b", "b gold", "b iron x", "b iron 21", "s tea 1", "g", "g 0", "g 7", "g 1"]);
    assert_eq!(alice.input().0, "Day 1>");
    alice.sees("How many tons?");
    alice.sees("Your hold is too small for that.");
    alice.sees("Go to which port?");
}

#[test]
fn without_a_terminal_it_works_by_lines_and_without_escapes() {
    let town = Town::new();
    let mut alice = town.call_plainly("alice");
    alice.session.receive(b"b\n1\nw\nFrom a pipe\nHello.\n.\nq\nq\nc\nhi all\n/q\n");
    alice.session.end_of_input();
    alice.drain();
    assert!(alice.session.is_over());
    alice.sees("Posted as General #1.\n");
    alice.sees("<alice> hi all\n");
    alice.sees("Good-bye, alice");
    assert!(!alice.paper.iter().any(|byte| *byte < b' ' && *byte != b'\n'), "no control characters");
}

#[test]
fn a_closing_house_says_so_and_lets_nobody_in() {
    let town = Town::new();
    let mut alice = town.call("alice");
    town.house.close();
    assert_eq!(alice.looks(), 1);
    alice.sees("The house is closing");
    assert!(alice.session.is_over());
    let late = town.call("bob");
    late.sees("Please call again later.");
    assert!(late.session.is_over());
}

/// Both ends of a line.
fn line() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

#[test]
fn a_caller_is_carried_over_any_socket() {
    use std::io::{BufRead, BufReader, Write};

    let town = Town::new();
    let (mine, its) = line();
    let (other, its_other) = line();
    let carry = |user: &'static str, line: TcpStream| {
        let house = town.house.clone();
        std::thread::spawn(move || {
            let caller = Caller::new(&house, user, None);
            // A line that is gone already needs no shutdown.
            caller.run(&line, &line, || drop(line.shutdown(Shutdown::Both)));
        })
    };
    let alice = carry("alice", its);
    let mut from_alice = BufReader::new(&mine).lines().map(Result::unwrap);
    (&mine).write_all(b"c\n").unwrap();
    from_alice.find(|line| line.contains("Here: alice")).unwrap();

    let bob = carry("bob", its_other);
    (&other).write_all(b"c\nhello from the other line\n").unwrap();
    from_alice.find(|line| line == "<bob> hello from the other line").unwrap();

    // One hangs up by leaving, the other by closing the line.
    drop(other);
    bob.join().unwrap();
    from_alice.find(|line| line == "* bob has hung up").unwrap();
    (&mine).write_all(b"/q\nl\n").unwrap();
    from_alice.find(|line| line.starts_with("Good-bye, alice")).unwrap();
    assert_eq!(from_alice.next(), None);
    alice.join().unwrap();
    assert_eq!(town.house.who(), []);
}
