//! Scenarios written with the macro, lived in memory: what the attributes say is what users do.

use loadforge::{
    DocumentScenario, Outcome, Scenario, ThinkTime, User,
    document::parse,
    rust_scenario::{OutlineTarget, RustScenario},
    testing::{Answer, Deed, Event, MemoryRun, SentRequest},
};
use loadforge_macros::scenario;
use std::{path::Path, sync::Arc, time::Duration};

fn play(scenario: RustScenario, drain_ms: u64, users: u32) -> Vec<Event> {
    let scenario: Arc<dyn Scenario> = Arc::new(scenario);
    let run = MemoryRun {
        drain_at: Duration::from_millis(drain_ms),
        users,
        ..MemoryRun::new(|request| match request.path.ends_with("/login") {
            true => Answer::body("{\"auth\":{\"token\":\"t-17\"}}"),
            false => Answer::body("price: 5"),
        })
    };
    run.play(&scenario)
}

fn sent(events: &[Event]) -> Vec<(u64, &SentRequest)> {
    let sent = |event| match event {
        &Event {
            at_ns,
            deed: Deed::Sent(ref request),
            ..
        } => Some((at_ns / 1_000_000, request)),
        _ => None,
    };
    events.iter().filter_map(sent).collect()
}

fn header<'r>(request: &'r SentRequest, name: &str) -> Option<&'r str> {
    let found = request.headers.iter().find(|(have, _)| have == name);
    found.map(|(_, value)| value.as_str())
}

#[derive(Default)]
struct Shopper {
    token: String,
    seen: u32,
}

#[scenario(
    name = "shop",
    base_url = "http://shop.test/v1/",
    think_time = "100ms",
    headers(accept_language = "en", "x-trace" = "1")
)]
impl Shopper {
    #[setup]
    async fn log_in(&mut self, user: &mut User) -> Outcome {
        let answer = user.post("/login").json("ann").send().await?;
        self.token = answer.capture_json("$.auth.token")?;
        Ok(())
    }

    #[setup]
    async fn greet(&mut self, user: &mut User) -> Outcome {
        user.get("/hello").send().await?;
        Ok(())
    }

    #[task(weight = 3)]
    async fn browse(&mut self, user: &mut User) -> Outcome {
        self.look(user, "/products/7").await
    }

    #[task(name = "search", think_time = "10ms")]
    async fn search(&mut self, user: &mut User) -> Outcome {
        user.get("/search").query("q", "red shoes").send().await?;
        user.get("/search/2").name("second page").send().await?;
        Ok(())
    }

    /// A method without an attribute is the user's own.
    async fn look(&mut self, user: &mut User, path: &str) -> Outcome {
        self.seen += 1;
        let token = &self.token;
        user.get(path)
            .name("product")
            .header("authorization", token)
            .send()
            .await?
            .expect_body_contains("price")
    }

    #[teardown]
    async fn log_out(&mut self, user: &mut User) -> Outcome {
        let seen = self.seen;
        user.delete("/login").query("seen", seen).send().await?;
        Ok(())
    }
}

#[test]
fn a_scenario_in_rust_lives_as_its_attributes_say() {
    let mut shop = RustScenario::of::<Shopper>();
    assert_eq!(shop.name(), "shop");
    assert_eq!(
        shop.outline().target,
        OutlineTarget::At("http://shop.test/v1/")
    );
    shop.set_base_url("http://shop.test/v1/").unwrap();
    let events = play(shop, 5_000, 1);
    let requests = sent(&events);
    let paths: Vec<(u64, &str)> = requests[..2]
        .iter()
        .map(|(at, request)| (*at, request.path.as_str()))
        .collect();
    assert_eq!(paths, [(0, "/v1/login"), (1, "/v1/hello")]);
    for (_, request) in &requests {
        assert_eq!(header(request, "accept-language"), Some("en"));
        assert_eq!(header(request, "x-trace"), Some("1"));
        assert_eq!(request.origin.host, "shop.test");
    }
    let named = |name| {
        requests
            .iter()
            .filter(move |(_, request)| request.name == name)
    };
    let products = named("product").count();
    let searches = named("search").count();
    assert!(
        products > 2 * searches && searches > 2,
        "{products} {searches}"
    );
    assert!(named("product").all(|(_, request)| header(request, "authorization") == Some("t-17")));
    // The task's name is for requests that have none of their own.
    assert!(named("search").all(|(_, request)| request.path == "/v1/search?q=red%20shoes"));
    assert!(named("second page").all(|(_, request)| request.path == "/v1/search/2"));
    let (_, last) = requests[requests.len() - 1];
    assert_eq!(last.path, format!("/v1/login?seen={products}"));
    assert_eq!(last.name, "/v1/login");
    let pauses: Vec<u64> = events
        .iter()
        .filter_map(|event| match event.deed {
            Deed::Slept(pause) => Some(pause.as_millis() as u64),
            _ => None,
        })
        .collect();
    let (last, whole) = pauses.split_last().unwrap();
    assert!(
        whole.iter().all(|pause| [10, 100].contains(pause)),
        "{pauses:?}"
    );
    assert!(whole.contains(&10) && whole.contains(&100) && *last <= 100);
}

#[test]
fn every_user_begins_with_a_value_of_its_own() {
    let events = play(RustScenario::of::<Shopper>(), 1_000, 3);
    for user in 0..3 {
        let own: Vec<Event> = events
            .iter()
            .filter(|event| event.user == user)
            .cloned()
            .collect();
        let requests = sent(&own);
        let products = requests
            .iter()
            .filter(|(_, request)| request.name == "product")
            .count();
        let (_, last) = requests[requests.len() - 1];
        assert_eq!(last.path, format!("/login?seen={products}"));
    }
}

#[test]
fn the_same_scenario_in_toml_sends_the_same() {
    let text = "name = \"shop\"\nbase_url = \"http://shop.test/v1\"\nthink_time = \"100ms\"\n\
                [headers]\naccept-language = \"en\"\nx-trace = \"1\"\n\
                [[task]]\nweight = 3\n[[task.step]]\nget = \"/products/7\"\nname = \"product\"\n\
                [[task]]\nget = \"/search\"\nname = \"search\"\n";
    #[derive(Default)]
    struct Plain;
    #[scenario(
        think_time = "100ms",
        headers(accept_language = "en", x_trace = "1"),
        base_url = "http://shop.test/v1"
    )]
    impl Plain {
        #[task(weight = 3)]
        async fn product(&mut self, user: &mut User) -> Outcome {
            user.get("/products/7").name("product").send().await?;
            Ok(())
        }
        #[task(name = "search")]
        async fn search(&self, user: &mut User) -> Outcome {
            user.get("/search").send().await?;
            Ok(())
        }
    }
    let document: DocumentScenario = parse("shop.toml", text, &|_| None, Path::new(""))
        .unwrap()
        .scenario;
    let run = || MemoryRun {
        users: 3,
        ..MemoryRun::new(|_| Answer::status(200))
    };
    let mut plain = RustScenario::of::<Plain>();
    plain.set_base_url("http://shop.test/v1").unwrap();
    let (toml, rust): (Arc<dyn Scenario>, Arc<dyn Scenario>) =
        (Arc::new(document), Arc::new(plain));
    let (toml, rust) = (run().play(&toml), run().play(&rust));
    let told = |events: &[Event]| -> Vec<(u64, String, String)> {
        sent(events)
            .iter()
            .map(|(at, request)| (*at, request.name.clone(), request.path.clone()))
            .collect()
    };
    // The same seed draws the same tasks, whichever way they are written.
    assert_eq!(told(&toml), told(&rust));
    assert!(told(&rust).len() > 200);
}

#[derive(Default)]
struct Paced;

#[scenario(
    pacing = "50ms",
    think_time = normal(mean = "5ms", sd = "1ms"),
    timeout = "2s",
    redirects = 0,
    cookies = false,
    target = "echo",
    origins("http://pay.test", "http://pay.test:81")
)]
impl Paced {
    #[task]
    async fn quick(&mut self, user: &mut User) -> Outcome {
        user.get("/a").send().await?;
        Ok(())
    }

    #[task(weight = 0, pacing = "1h", think_time = exponential(mean = "2s"))]
    async fn never(&mut self, user: &mut User) -> Outcome {
        user.get("/never").send().await?;
        Ok(())
    }
}

#[test]
fn pacing_begins_tasks_at_even_distances_and_weight_0_is_never_picked() {
    let paced = RustScenario::of::<Paced>();
    let outline = paced.outline();
    assert_eq!(paced.name(), "paced");
    assert_eq!(outline.target, OutlineTarget::Echo);
    assert_eq!(outline.time_limit, Some(Duration::from_secs(2)));
    assert_eq!((outline.redirects, outline.cookies), (Some(0), false));
    assert_eq!(outline.origins, ["http://pay.test", "http://pay.test:81"]);
    assert_eq!(
        outline.tasks[1].think_time,
        Some(ThinkTime::Exponential {
            mean: Duration::from_secs(2)
        })
    );
    let events = play(paced, 1_001, 1);
    let times: Vec<(u64, &str)> = sent(&events)
        .iter()
        .map(|(at, request)| (*at, request.path.as_str()))
        .collect();
    let expected: Vec<(u64, &str)> = (0..=20).map(|index| (index * 50, "/a")).collect();
    assert_eq!(times, expected);
}

#[test]
fn a_further_host_is_reached_by_its_whole_address() {
    #[derive(Default)]
    struct Two;
    #[scenario(origins("http://pay.test:81"))]
    impl Two {
        #[task]
        async fn both(&mut self, user: &mut User) -> Outcome {
            user.get("/here").send().await?;
            user.get("http://pay.test:81/there").send().await?;
            user.get("http://unknown.test/").send().await?;
            Ok(())
        }
    }
    let mut two = RustScenario::of::<Two>();
    two.set_base_url("http://shop.test").unwrap();
    for origin in two.outline().origins {
        two.add_origin(origin).unwrap();
    }
    let events = play(two, 2, 1);
    let hosts: Vec<String> = sent(&events)
        .iter()
        .map(|(_, request)| request.origin.to_string())
        .collect();
    assert_eq!(hosts, ["http://shop.test", "http://pay.test:81"]);
    assert!(events.iter().any(
        |event| matches!(&event.deed, Deed::Failed(failure) if failure.detail.contains("origins"))
    ));
}

#[test]
fn rows_of_a_data_file_are_given_out_as_the_attribute_says() {
    #[derive(Default)]
    struct Member;
    #[scenario(
        data(
            people = "people.csv",
            strategy = "unique",
            per = "iteration",
            separator = ";"
        ),
        data(words = "words.jsonl", at_end = "wrap"),
        think_time = "1ms"
    )]
    impl Member {
        #[task]
        async fn greet(&mut self, user: &mut User) -> Outcome {
            let name = user
                .data("people")?
                .get("name")
                .unwrap_or("nobody")
                .to_owned();
            let word = user.data("words")?.get("word").unwrap_or("none").to_owned();
            user.get("/greet").query(&word, name).send().await?;
            Ok(())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("people.csv"),
        "id;name\n1;ann\n2;bob\n3;cid\n",
    )
    .unwrap();
    let words = "{\"word\":\"hi\"}\n{\"word\":\"ho\"}\n";
    std::fs::write(dir.path().join("words.jsonl"), words).unwrap();
    let mut member = RustScenario::of::<Member>();
    assert_eq!(member.feeds(), 0);
    member.open_data(dir.path()).unwrap();
    assert_eq!(member.feeds(), 2);
    let events = play(member, 5_000, 1);
    let paths: Vec<&str> = sent(&events)
        .iter()
        .map(|(_, request)| request.path.as_str())
        .collect();
    assert_eq!(paths, ["/greet?hi=ann", "/greet?ho=bob", "/greet?hi=cid"]);
    assert!(
        events
            .iter()
            .any(|event| matches!(&event.deed, Deed::EndedRun(why) if why.contains("people")))
    );
    let missing = RustScenario::of::<Member>().open_data(Path::new("/nowhere"));
    let errors = missing.unwrap_err();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(
        errors[0].to_string().contains("/nowhere/people.csv"),
        "{}",
        errors[0]
    );
}

#[test]
fn a_base_url_that_is_none_is_refused_with_a_remedy() {
    let mut shop = RustScenario::of::<Shopper>();
    for (text, remedy) in [
        ("shop.test", "http://shop.test"),
        ("http://shop.test/?a=b", "query"),
        ("http://me:pw@shop.test/", "header"),
        ("http://", "http://host:port"),
    ] {
        let error = shop.set_base_url(text).unwrap_err();
        assert!(error.remedy(text).contains(remedy), "{text}: {error}");
    }
}
