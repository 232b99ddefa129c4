//! Which rows a table has.

use super::*;

const TEXT: &str = "# A

## Packages

Words first.

| package | may use |
| --- | --- |
| `a` | `b`, `c` |
| `b` | |

| another | table |
| --- | --- |
| `x` | |

## Empty

## Other

| p | q |
| - | - |
| `y` | text |
";

fn tree() -> Tree {
    Tree::of(vec![(FILE.to_owned(), TEXT.to_owned())])
}

#[test]
fn the_first_table_below_the_heading_is_read() {
    let rows = table(&tree(), "Packages");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].quoted(0), ["a"]);
    assert_eq!(rows[0].quoted(1), ["b", "c"]);
    assert_eq!(rows[1].quoted(1), Vec::<String>::new());
    assert_eq!(rows[1].line, 10);
}

#[test]
fn the_table_of_another_heading_is_not_taken() {
    assert_eq!(table(&tree(), "Empty"), []);
    assert_eq!(table(&tree(), "Missing"), []);
    assert_eq!(table(&tree(), "Other")[0].cell(1), "text");
}
