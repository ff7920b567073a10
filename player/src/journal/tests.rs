use super::*;

fn path() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sub/journal.jsonl");
    (folder, path)
}

#[test]
fn what_was_appended_is_read_back_in_order() {
    let (_folder, path) = path();
    let (journal, before) = Journal::<(u32, String)>::open(&path).unwrap();
    assert!(before.is_empty());
    let entries = vec![(1, "one".to_owned()), (2, "line\nbreak".to_owned())];
    for entry in &entries {
        journal.append(entry).unwrap();
    }
    assert_eq!(Journal::<(u32, String)>::read(&path).unwrap(), entries);
    drop(journal);
    let (journal, again) = Journal::open(&path).unwrap();
    assert_eq!(again, entries);
    journal.append(&(3, String::new())).unwrap();
    assert_eq!(Journal::<(u32, String)>::read(&path).unwrap().len(), 3);
}

#[test]
fn a_line_cut_off_by_a_crash_is_removed_at_every_length() {
    let (_folder, path) = path();
    let (journal, _) = Journal::<u32>::open(&path).unwrap();
    journal.append(&11).unwrap();
    journal.append(&222).unwrap();
    drop(journal);
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let expected = if length >= 3 { vec![11] } else { vec![] };
        assert_eq!(Journal::<u32>::read(&path).unwrap(), expected, "read at {length}");
        let (journal, kept) = Journal::<u32>::open(&path).unwrap();
        assert_eq!(kept, expected, "opened at {length}");
        journal.append(&5).unwrap();
        let after: Vec<u32> = expected.into_iter().chain([5]).collect();
        assert_eq!(Journal::<u32>::read(&path).unwrap(), after, "appended at {length}");
    }
}

#[test]
fn a_damaged_line_is_refused_with_its_number_and_changes_nothing() {
    let (_folder, path) = path();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "1\nnot json\n3\n").unwrap();
    let error = Journal::<u32>::open(&path).unwrap_err();
    assert!(matches!(error, JournalError::Line { line: 2, .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\nnot json\n3\n");
}
