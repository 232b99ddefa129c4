//! The file goes to text and back, and what is none of it is refused with the line.

use proptest::prelude::*;

use super::*;

fn former() -> Former {
    let modes = |ignore, announce| ArpModes { ignore, announce };
    Former {
        boot: "0f2e".to_owned(),
        links: BTreeMap::from([
            (LinkIndex(2), ("lan".parse().unwrap(), modes(0, 1))),
            (LinkIndex(7), ("br0.8".parse().unwrap(), modes(2, 0))),
        ]),
    }
}

#[test]
fn what_was_written_is_read_again() {
    for former in [former(), Former::default()] {
        assert_eq!(from_text(&to_text(&former)), Ok(former));
    }
}

#[test]
fn what_is_none_of_it_is_refused_with_the_line() {
    let text = to_text(&former());
    let cases = [
        (String::new(), "its first line is not sovnet-links/1"),
        (
            text.replace("links/1", "links/2"),
            "its first line is not sovnet-links/1",
        ),
        (
            text.replace("boot ", "root "),
            "its second line names no boot",
        ),
        (text.replace("link 7 2", "link 7 -2"), "line 4 is no link"),
        (text.replace("lan\n", "lan wan\n"), "line 3 is no link"),
        (text.replace(" lan\n", "\n"), "line 3 is no link"),
        (format!("{text}\n"), "line 5 is no link"),
    ];
    for (text, why) in cases {
        assert_eq!(from_text(&text), Err(why.to_owned()), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,200}", link in ".{0,40}") {
        let _refused = from_text(&text);
        let _refused = from_text(&format!("{FORM}\nboot x\nlink {link}\n"));
    }
}
