//! Names, owners and refusals. A full `/dev/shm` and forks are tested in `tests/processes.rs`.

use super::*;

/// A process number that no process has: Linux gives out less than 2^22.
const NOBODY: u32 = 4_194_305;

#[test]
fn a_region_leaves_no_name_and_says_whose_it_is() {
    let region = Region::create(10_000).unwrap();
    let mine = format!("{NAME_PREFIX}{}-", std::process::id());
    let names: Vec<_> = fs::read_dir(SHM_DIRECTORY)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .collect();
    // Another test of this process may be between create and unlink; a name of ours that stays is found below.
    let left: Vec<_> = names
        .iter()
        .filter(|name| name.starts_with(&mine))
        .collect();
    for name in left {
        let path = Path::new(SHM_DIRECTORY).join(name);
        let gone = (0..10_000).any(|_| {
            std::thread::yield_now();
            !path.exists()
        });
        assert!(gone, "{name} is still there");
    }
    // SAFETY: the header was written by `create`.
    let header = unsafe { region.base().cast::<RegionHeader>().as_ref() };
    assert_eq!((header.magic, header.version), (MAGIC, VERSION));
    assert_eq!(header.owner_pid, std::process::id());
    assert_eq!(header.owner_start, start_time(std::process::id()).unwrap());
    assert_eq!(header.bytes, 10_000);
}

#[test]
fn a_region_greater_than_the_file_system_is_refused_with_figures_and_a_remedy() {
    let needed = 1 << 45;
    let error = Region::create(needed).map(|_| ()).unwrap_err();
    assert!(
        matches!(error, RegionError::Full { needed: asked, .. } if asked == 1 << 45),
        "{error:?}"
    );
    let words = error.to_string();
    assert!(
        words.contains("/dev/shm") && words.contains("--shm-size"),
        "{words}"
    );
}

#[test]
fn the_systems_answers_become_words_with_a_remedy() {
    let cases = [
        (Errno::ENOENT, "does not exist"),
        (Errno::EACCES, "cannot be written"),
        (Errno::ENOSPC, "bytes free"),
        (Errno::ENOMEM, "ulimit -v"),
    ];
    for (errno, part) in cases {
        let words = refusal(errno, 42).to_string();
        assert!(
            words.contains(part) && words.contains("--transport channel"),
            "{words}"
        );
    }
}

#[test]
fn only_names_that_we_give_have_an_owner() {
    assert_eq!(owner_in_name("loadforge-12-345-6"), Some((12, 345)));
    for foreign in [
        "loadforge-12-345",
        "loadforge-12-345-6-7",
        "loadforge-12-345-",
        "loadforge-12-345-x",
        "loadforge-+12-345-6",
        "loadforge--345-6",
        "loadforge-99999999999-1-1",
        "xloadforge-12-345-6",
        "loadforge",
        "",
    ] {
        assert_eq!(owner_in_name(foreign), None, "{foreign}");
    }
}

#[test]
fn a_sweep_removes_what_the_dead_left_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let me = std::process::id();
    let start = start_time(me).unwrap();
    let dead = [
        format!("loadforge-{NOBODY}-77-0"),
        // My number, but a process that started at another time.
        format!("loadforge-{me}-{}-3", start - 1),
    ];
    let kept = [
        format!("loadforge-{me}-{start}-0"),
        format!("loadforge-{NOBODY}-77"),
        format!("other-{NOBODY}-77-0"),
    ];
    for name in dead.iter().chain(&kept) {
        fs::write(directory.path().join(name), "x").unwrap();
    }
    let folder = format!("loadforge-{NOBODY}-77-1");
    fs::create_dir(directory.path().join(&folder)).unwrap();
    let link = format!("loadforge-{NOBODY}-77-2");
    std::os::unix::fs::symlink(&kept[0], directory.path().join(&link)).unwrap();

    let mut expected = dead.to_vec();
    expected.sort();
    assert_eq!(sweep(directory.path()), expected);
    let mut left: Vec<String> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    let mut meant: Vec<String> = kept.into_iter().chain([folder, link]).collect();
    meant.sort();
    assert_eq!(left, meant);
    assert_eq!(sweep(directory.path()), [""; 0]);
}

#[test]
fn a_sweep_of_a_directory_that_is_not_there_finds_nothing() {
    assert_eq!(sweep(Path::new("/nowhere/at/all")), [""; 0]);
}

#[test]
fn a_process_that_does_not_exist_has_no_start_time() {
    assert_eq!(
        start_time(NOBODY).unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
    assert!(owner_is_gone(NOBODY, 1));
    assert!(!owner_is_gone(
        std::process::id(),
        start_time(std::process::id()).unwrap()
    ));
}
