//! What people are told about files that cannot be used: every message is a golden one.

use super::{load_any, parse_here};
use std::fmt::Write;

/// What is wrong, and the file.
const BAD_FILES: &[(&str, &str)] = &[
    ("an empty file", ""),
    (
        "no TOML",
        "base_url = http://127.0.0.1\n[[task]]\nget = \"/\"\nweight = -1\nwieght = 2\n",
    ),
    (
        "a broken header",
        "target = \"echo\"\n[[task]\nget = \"/\"\nweight = 3\n",
    ),
    (
        "keys in the wrong table",
        "users = 5\ntarget = \"echo\"\n[load]\nduration = \"1s\"\nthink_time = \"1s\"\n[[task]]\nget = \"/\"\n",
    ),
    (
        "a duplicate key",
        "target = \"echo\"\ntarget = \"echo\"\n[[task]]\nget = \"/\"\n",
    ),
    (
        "an unclosed string",
        "target = \"echo\n[[task]]\nget = \"/\"\n",
    ),
    (
        "misspelled keys",
        "target = \"echo\"\nheader = { a = \"b\" }\n[load]\nuser = 3\n[[task]]\ngett = \"/\"\nwieght = 2\n",
    ),
    (
        "keys of later work",
        "target = \"echo\"\n[load]\nrate = 500\n[data.people]\nfile = \"users.csv\"\n[[task]]\nget = \"/\"\ncapture.token = { json = \"$.t\" }\n",
    ),
    (
        "a pattern that its value does not have",
        "target = \"echo\"\n[load]\npattern = \"spike\"\nusers = 3\n[[task]]\nget = \"/\"\n",
    ),
    (
        "wrong types",
        "name = 5\ntarget = true\nthink_time = 3\nload = \"heavy\"\ntask = \"home\"\nthreshold = 1.5\n",
    ),
    ("nowhere to go", "[[task]]\nget = \"/\"\n"),
    (
        "two places to go",
        "base_url = \"http://127.0.0.1\"\ntarget = \"echo\"\n[[task]]\nget = \"/\"\n",
    ),
    (
        "an unknown target",
        "target = \"nginx\"\n[[task]]\nget = \"/\"\n",
    ),
    (
        "https",
        "base_url = \"https://shop.test\"\n[[task]]\nget = \"/\"\n",
    ),
    (
        "a base_url without a scheme",
        "base_url = \"127.0.0.1:8080\"\n[[task]]\nget = \"/\"\n",
    ),
    (
        "a base_url with a password",
        "base_url = \"http://me:secret@shop.test\"\n[[task]]\nget = \"/\"\n",
    ),
    (
        "a base_url with a query",
        "base_url = \"http://shop.test/?a=b\"\n[[task]]\nget = \"/\"\n",
    ),
    ("no task", "target = \"echo\"\n"),
    (
        "a task of no steps",
        "target = \"echo\"\n[[task]]\nname = \"empty\"\nstep = []\n[[task]]\nname = \"bare\"\n",
    ),
    (
        "weight 0 everywhere",
        "target = \"echo\"\n[[task]]\nget = \"/a\"\nweight = 0\n[[task]]\nget = \"/b\"\nweight = 0\n",
    ),
    (
        "bad weights",
        "target = \"echo\"\n[[task]]\nget = \"/a\"\nweight = -1\n[[task]]\nget = \"/b\"\nweight = 1.5\n",
    ),
    (
        "two tasks of one name",
        "target = \"echo\"\n[[task]]\nname = \"a\"\nget = \"/a\"\n[[task]]\nname = \"a\"\nget = \"/b\"\n",
    ),
    (
        "bad durations",
        "target = \"echo\"\nthink_time = \"3s..1s\"\ntimeout = \"0s\"\n[load]\nduration = \"-5s\"\n[[task]]\nget = \"/\"\ntimeout = \"30\"\nthink_time = \"soon\"\n[[task]]\nget = \"/x\"\ntimeout = \"2d\"\nthink_time = \"999999h\"\n",
    ),
    (
        "no users",
        "target = \"echo\"\n[load]\nusers = 0\nmax_requests = 0\n[[task]]\nget = \"/\"\n",
    ),
    (
        "ramps that are none",
        "target = \"echo\"\n[load]\npattern = \"ramp\"\nusers = 20\n[[task]]\nget = \"/\"\n",
    ),
    (
        "a ramp under another pattern",
        "target = \"echo\"\n[load]\npattern = \"constant\"\nusers = { from = 1, to = 9, over = \"1s\" }\n[[task]]\nget = \"/\"\n",
    ),
    (
        "a ramp with holes",
        "target = \"echo\"\n[load]\npattern = \"ramp\"\nusers = { from = -1 }\n[[task]]\nget = \"/\"\n",
    ),
    (
        "a ramp of nobody",
        "target = \"echo\"\n[load]\npattern = \"ramp\"\nusers = { from = 0, to = 0, over = \"0s\" }\n[[task]]\nget = \"/\"\n",
    ),
    (
        "a ramp without users",
        "target = \"echo\"\n[load]\npattern = \"ramp\"\n[[task]]\nget = \"/\"\n",
    ),
    (
        "missing variables",
        "base_url = \"http://${HOST}:${PORT}\"\n[[task]]\nget = \"/${TOKEN}/${not-a-name}/${OPEN\"\n",
    ),
    (
        "a bad value from the environment is not shown",
        "base_url = \"${TOKEN}\"\nname = \"a b ${TOKEN}\"\nthink_time = \"${TOKEN}\"\n[[task]]\nget = \"${TOKEN}\"\ncheck = { status = \"${TOKEN}\" }\n",
    ),
    (
        "templates",
        "target = \"echo\"\nname = \"{{ x }}\"\nthink_time = \"{{ x }}\"\n[[task]]\nget = \"/{{ random(5, 1) }}\"\n[[task]]\nget = \"/{{ tokn }}\"\n\
         [[task]]\nget = \"/a\"\ncapture.token = { json = \"$.t\" }\n[[task]]\npost = \"/{{ people.user }}\"\njson = { a = [\"{{ token | uper }}\"] }\n",
    ),
    (
        "variables before they have a value",
        "target = \"echo\"\nheaders = { x-id = \"{{ id }}\" }\n[[setup]]\nget = \"/{{ token }}\"\n[[task]]\n[[task.step]]\nget = \"/{{ id }}\"\n\
         [[task.step]]\nget = \"/b\"\ncapture.id = { body = true }\n[[task]]\nheaders.x-id = false\nget = \"/c\"\ncapture.token = { status = true }\n[[teardown]]\nget = \"/d\"\n[[setup]]\nget = \"/e\"\n",
    ),
    (
        "bad captures",
        "target = \"echo\"\n[[task]]\nget = \"/\"\n[task.capture]\n\"a b\" = { body = true }\nb = { json = \"auth.token\" }\nc = { regex = \"a(\" }\nd = {}\n\
         e = { header = \"a\", cookie = \"b\" }\nf = { regex = \"a\", group = 2 }\ng = { body = false }\nh = { json = \"$.a\", group = 1 }\ni = \"a b\"\n",
    ),
    (
        "steps that are no steps",
        "target = \"echo\"\n[[task]]\n[[task.step]]\nrepeat = 3\n[[task.step]]\nrepeat = -1\nstep = [{ get = \"/\" }]\n[[task.step]]\nwhile = \"a = 1\"\nstep = [{ get = \"/\" }]\n\
         [[task.step]]\nif = \"\"\nwhile = \"\"\n[[task.step]]\ngroup = \"g\"\nget = \"/\"\n[[task.step]]\ngroup = \"g\"\ncheck = { status = 200 }\nstep = [{ get = \"/\" }]\n\
         [[task.step]]\nget = \"/\"\nmost = 3\n[[task.step]]\nset = { \"1a\" = 2, b = [1] }\n[[task.step]]\npause = \"soon\"\n[[task.step]]\nget = \"/\"\nretry = { wait = \"1s\" }\nredirects = \"no\"\n",
    ),
    (
        "think times and pacing without sense",
        "target = \"echo\"\npacing = \"0s\"\nthink_time = { normal = { mean = \"2s\" } }\ncookies = 1\n[[task]]\nget = \"/\"\nthink_time = { poisson = \"1s\" }\n\
         [[task]]\nget = \"/a\"\nthink_time = { constant = \"1s\", uniform = \"1s..2s\" }\n",
    ),
    (
        "hosts that are not known before the run",
        "target = \"echo\"\n[variables]\nhost = \"a\"\n[[task]]\nget = \"http://{{ host }}/\"\n[[task]]\nget = \"http://a.{{ host }}/\"\n[[task]]\nget = \"a{{ host }}\"\n",
    ),
    (
        "bodies of several parts",
        "target = \"echo\"\n[[task]]\npost = \"/\"\nmultipart = { a = { type = \"x\" }, b = { file = \"none.png\" } }\n",
    ),
    (
        "a header of all requests in the very login that captures for it",
        "target = \"echo\"\nheaders = { authorization = \"Bearer {{ token }}\" }\n[[setup]]\npost = \"/login\"\ncapture.token = \"$.token\"\n\
         [[task]]\nget = \"/\"\n",
    ),
    (
        "a data file that is not there, and its use",
        "target = \"echo\"\n[data.people]\nfile = \"none.csv\"\n[[task]]\nget = \"/{{ people.user }}\"\n",
    ),
    (
        "conditions and retries as people slip",
        "target = \"echo\"\n[[task]]\n[[task.step]]\nif = \"\"\nstep = [{ get = \"/\" }]\n[[task.step]]\nif = \"${TOKEN} == 'a'\"\nstep = [{ get = \"/\" }]\n\
         [[task.step]]\nget = \"/\"\nretry = \"3\"\n",
    ),
    (
        "metrics without sense",
        "target = \"echo\"\n[[task]]\n[[task.step]]\nmetric = { name = \"a\" }\n[[task.step]]\nmetric = { add = 1, set = 2 }\n[[task.step]]\nmetric = { name = \"a\", add = \"x\" }\n\
         [[task.step]]\nmetric = 5\n",
    ),
    (
        "a task that would be a loop",
        "target = \"echo\"\n[[task]]\nrepeat = 3\nget = \"/\"\n",
    ),
    (
        "checks of all kinds",
        "target = \"echo\"\n[[task]]\nget = \"/\"\ncheck = { json = { \"state\" = 1 }, body_matches = \"[\", max_time = \"0s\", min_size = -1, header = { a = 1 } }\n",
    ),
    (
        "bad headers",
        "target = \"echo\"\nheaders = { \"a b\" = \"c\", x-a = \"b\\r\\nx-evil: 1\", X-A = \"c\", x-b = \"1\", X-B = \"2\", Content-Length = \"5\", x-n = 7 }\n[[task]]\nget = \"/\"\n",
    ),
    (
        "bad paths",
        "target = \"echo\"\n[[task]]\nget = \"products\"\n[[task]]\nget = \"/a#b\"\n[[task]]\nget = \"/a\\nb\"\n[[task]]\nget = \"https://other.test/\"\n[[task]]\nget = \"http://\"\n",
    ),
    (
        "two methods",
        "target = \"echo\"\n[[task]]\nget = \"/a\"\npost = \"/b\"\n",
    ),
    (
        "two bodies",
        "target = \"echo\"\n[[task]]\npost = \"/a\"\nbody = \"x\"\njson = { a = 1 }\n",
    ),
    (
        "bodies that are none",
        "target = \"echo\"\n[[task]]\npost = \"/a\"\nbody_file = \"order.json\"\n[[task]]\npost = \"/b\"\njson = { a = [1, nan] }\n[[task]]\npost = \"/c\"\nform = { a = { b = 1 } }\n[[task]]\npost = \"/d\"\njson = 99999999999999999999\n",
    ),
    (
        "a body check on HEAD",
        "target = \"echo\"\n[[task]]\nhead = \"/\"\ncheck = { body_contains = \"x\" }\n",
    ),
    (
        "bad checks",
        "target = \"echo\"\n[[task]]\nget = \"/a\"\ncheck = {}\n[[task]]\nget = \"/b\"\ncheck = { status = [20, \"6\", \"300..200\", true] }\n[[task]]\nget = \"/c\"\ncheck = { status = [], body_contains = \"\", body_lacks = 3 }\n",
    ),
    (
        "a request beside steps",
        "target = \"echo\"\n[[task]]\nget = \"/\"\n[[task.step]]\nget = \"/a\"\n",
    ),
    (
        "thresholds without sense",
        "target = \"echo\"\n[[task]]\nget = \"/products\"\n[[threshold]]\nexpr = \"\"\n[[threshold]]\nendpoint = \"/product\"\n[[threshold]]\nexpr = \"p99 < 1s\"\nendpoint = \"zzz\"\n",
    ),
    (
        "a name that names no folder",
        "name = \"../my shop\"\ntarget = \"echo\"\n[[task]]\nname = \" \"\nget = \"/\"\n",
    ),
    (
        "a key that only a value may be",
        "target = \"echo\"\n[[task]]\npost = \"/\"\njson = { \"${TOKEN}\" = 1 }\n",
    ),
    (
        "values from the environment where everyone reads",
        "target = \"echo\"\nname = \"${TOKEN}\"\n[[task]]\nname = \"${TOKEN}\"\nget = \"/\"\n[[threshold]]\nexpr = \"p99 < ${TOKEN}\"\n\
         [[threshold]]\nexpr = \"p99 < 1s\"\nendpoint = \"${TOKEN}\"\n",
    ),
    (
        "problems in setup and teardown",
        "target = \"echo\"\n[[setup]]\npost = \"login\"\n[[teardown]]\nname = \"bye\"\n[[task]]\nget = \"/\"\n",
    ),
    (
        "steps that are wrong are not steps that are missing",
        "target = \"echo\"\n[[task]]\n[[task.step]]\nif = \"{{ state }} == 'done'\"\nstep = [{ get = \"/\" }]\n[[task]]\n[[task.step]]\n\
         if = \"(user() == 1)\"\nstep = []\n[[task]]\nstep = []\n",
    ),
    (
        "braces that do not fit",
        "target = \"echo\"\n[[task]]\nget = \"/{{ user() }\"\ncheck.body_lacks = \"{{\"\n",
    ),
    (
        "values in a check of JSON",
        "target = \"echo\"\n[variables]\ntoken = 1\n[[task]]\nget = \"/\"\n\
         check.json = { \"$.a\" = \"{{ tokn }}\", \"$.b\" = [\"{{ token }}\"], \"$.c\" = [\"{{ tokn }}\"] }\n",
    ),
];

#[test]
fn every_bad_file_is_told_all_that_is_wrong_with_a_remedy() {
    let mut golden = String::new();
    for (what, text) in BAD_FILES {
        let problems = parse_here(text).expect_err(what);
        for problem in &problems.0 {
            assert!(problem.line > 0 && problem.column > 0, "{what}: {problem}");
            assert!(
                !problem.message.is_empty() && !problem.remedy.is_empty(),
                "{what}: {problem}"
            );
        }
        writeln!(golden, "=== {what}\n{problems}\n").unwrap();
    }
    insta::assert_snapshot!(golden);
}

#[test]
fn no_value_from_the_environment_is_ever_printed() {
    for (what, text) in BAD_FILES {
        let problems = parse_here(text).expect_err(what);
        assert!(!problems.to_string().contains("t0p-s3cret"), "{what}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let say = |name: &str| load_any(&folder.path().join(name)).unwrap_err().to_string();
    assert!(
        say("missing.toml").contains("missing.toml"),
        "{}",
        say("missing.toml")
    );
    std::fs::write(
        folder.path().join("latin.toml"),
        b"name = \"a\"\n# caf\xe9\n",
    )
    .unwrap();
    assert!(
        say("latin.toml").contains("not UTF-8 text (line 2)"),
        "{}",
        say("latin.toml")
    );
    std::fs::write(folder.path().join("large.toml"), vec![b'#'; 5 << 20]).unwrap();
    assert!(
        say("large.toml").contains("larger than 4 MiB"),
        "{}",
        say("large.toml")
    );
}
