//! Whole runs of the open model: arrivals come when they are due whatever the answers do, late or not sent but never
//! forgotten; bounds on the rate; scenarios side by side. Neighbours: `life.rs` for the closed model.
//! Invariant: counts are exact; nothing here is decided by a clock, save that things did not happen too early.

mod support;

use loadforge_engine::{MaxRate, Plan, PlanPart};
use loadforge_scenarios::{Demand, Gaps, Pattern, Scenario, User};
use std::{sync::Arc, time::Duration};
use support::{
    props::{add_one, counter, document, echo, echo_after, get, read},
    stage::{Play, act, cpus, part, plan, planned, run, wires},
};

const MS: Duration = Duration::from_millis(1);

fn arrivals(per_s: f64, gaps: Gaps, max_users: u64) -> Demand {
    Demand::Arrivals {
        rate: Pattern::Constant(per_s),
        gaps,
        max_users,
    }
}

fn one_part(demand: Demand, scenario: impl Scenario + 'static) -> Vec<PlanPart> {
    vec![part(demand, Arc::new(scenario))]
}

#[test]
fn a_rate_is_of_all_workers_together_and_every_arrival_is_accounted_for() {
    for wire in wires() {
        for workers in [1, 2] {
            let echo = echo();
            let play = || Play::new(&[echo.address()], get("/"));
            let ran = run(Plan {
                parts: one_part(arrivals(500.0, Gaps::Even, 100), play()),
                cpus: cpus(workers),
                duration: 1000 * MS,
                ..plan(play(), wire)
            });
            let requests = &ran.summary.requests;
            assert_eq!(requests.intended, 500, "{workers} workers over {wire:?}");
            assert_eq!(requests.sent + requests.not_sent, 500);
            assert_eq!(requests.iterations, requests.sent);
            assert_eq!(echo.counts().requests, requests.sent);
        }
    }
}

#[test]
fn poisson_arrivals_are_the_same_again_with_the_same_seed_and_any_workers() {
    let intended = |seed, workers| {
        let echo = echo();
        let play = || Play::new(&[echo.address()], get("/"));
        let ran = run(Plan {
            parts: one_part(arrivals(400.0, Gaps::Poisson, 200), play()),
            cpus: cpus(workers),
            duration: 1000 * MS,
            seed,
            ..plan(play(), wires()[0])
        });
        ran.summary.requests.intended
    };
    let first = intended(1, 2);
    assert_eq!(first, intended(1, 2));
    assert_eq!(first, intended(1, 1));
    // Five standard deviations of the count, which is 20 here.
    assert!(first.abs_diff(400) < 100, "{first}");
    assert_ne!(first, intended(2, 2), "another seed, other arrivals");
}

#[test]
fn an_arrival_that_finds_every_user_busy_is_not_sent() {
    for wire in wires() {
        let echo = echo_after(300 * MS);
        let play = || Play::new(&[echo.address()], get("/"));
        let ran = run(Plan {
            parts: one_part(arrivals(100.0, Gaps::Even, 3), play()),
            duration: 1000 * MS,
            ..plan(play(), wire)
        });
        let requests = &ran.summary.requests;
        assert_eq!(requests.intended, 100, "over {wire:?}");
        // Three users, each good for an arrival every 300 ms at best.
        assert!((1..=12).contains(&requests.sent), "{requests:?}");
        assert_eq!(requests.not_sent, 100 - requests.sent);
        assert_eq!(ran.summary.users.peak, 3);
    }
}

#[test]
fn arrivals_that_the_generator_was_late_for_leave_late_and_count_from_when_they_were_due() {
    for wire in wires() {
        let echo = echo();
        let (iterations, seen) = counter();
        let task = act(async move |user: &mut User| {
            if add_one(&iterations) == 20 {
                // The worker does nothing else meanwhile.
                std::thread::sleep(300 * MS);
            }
            user.get("/").send().await.map(|_| ())
        });
        let play = Play::new(&[echo.address()], task);
        let ran = run(Plan {
            parts: one_part(arrivals(200.0, Gaps::Even, 100), play),
            duration: 1000 * MS,
            ..plan(Play::new(&[echo.address()], get("/")), wire)
        });
        let requests = &ran.summary.requests;
        assert_eq!(
            (requests.intended, requests.not_sent),
            (200, 0),
            "over {wire:?}"
        );
        assert_eq!(read(&seen), 200);
        let (lag, response) = (ran.summary.lag_ms.max, ran.summary.response_ms.max);
        assert!(lag >= 250.0 && response >= lag, "{lag} {response}");
    }
}

#[test]
fn each_user_of_the_pool_sets_up_before_its_first_arrival_and_tidies_up_once() {
    for wire in wires() {
        let echo = echo_after(20 * MS);
        let scenario = document(
            echo.address(),
            "[[setup]]\nname = \"enter\"\npost = \"/in\"\n\
             [[teardown]]\nname = \"leave\"\ndelete = \"/out\"\n\
             [[task]]\nname = \"work\"\nget = \"/\"\n",
        );
        let ran = run(Plan {
            parts: vec![part(arrivals(100.0, Gaps::Even, 50), scenario)],
            cpus: cpus(2),
            duration: 500 * MS,
            ..plan(Play::new(&[echo.address()], get("/")), wire)
        });
        let requests = &ran.summary.requests;
        let (entered, left) = (ran.endpoint("enter").0, ran.endpoint("leave").0);
        assert_eq!(entered, left, "over {wire:?}");
        assert!((1..=50).contains(&entered));
        assert_eq!(ran.endpoint("work").0 + requests.not_sent, 50);
    }
}

#[test]
fn a_limit_of_requests_ends_a_run_of_the_open_model_exactly() {
    for wire in wires() {
        let echo = echo();
        let play = || Play::new(&[echo.address()], get("/"));
        let ran = run(Plan {
            parts: one_part(arrivals(1_000.0, Gaps::Even, 100), play()),
            cpus: cpus(2),
            max_requests: Some(77),
            ..plan(play(), wire)
        });
        let requests = &ran.summary.requests;
        // What would have come after the last one was never asked for.
        assert_eq!(
            (requests.sent, requests.intended),
            (77, 77),
            "over {wire:?}"
        );
        assert_eq!(echo.counts().requests, 77);
    }
}

#[test]
fn a_bound_on_requests_a_second_holds_over_all_workers_and_what_waits_is_counted_when_it_leaves() {
    for wire in wires() {
        let echo = echo();
        let ran = run(Plan {
            max_rate: Some(MaxRate {
                per_s: 100.0,
                burst: 5,
            }),
            cpus: cpus(2),
            duration: 1000 * MS,
            ..planned(
                Pattern::Constant(20.0),
                Play::new(&[echo.address()], get("/")),
                wire,
            )
        });
        let requests = &ran.summary.requests;
        assert!(
            (2..=106).contains(&requests.sent),
            "{requests:?} over {wire:?}"
        );
        assert_eq!((requests.intended, requests.not_sent), (requests.sent, 0));
        assert_eq!(echo.counts().requests, requests.sent);
    }
}

#[test]
fn scenarios_side_by_side_keep_their_own_loads_names_and_servers() {
    for wire in wires() {
        let (browsing, paying) = (echo(), echo());
        let text = |task: &str| format!("[[task]]\nname = \"{task}\"\nget = \"/{task}\"\n");
        let mut browse = part(
            Demand::Users(Pattern::Constant(2.0)),
            document(
                browsing.address(),
                &format!("think_time = \"10ms\"\n{}", text("look")),
            ),
        );
        let mut pay = part(
            arrivals(50.0, Gaps::Even, 10),
            document(paying.address(), &text("pay")),
        );
        browse.endpoints = vec!["browse/look".to_owned()];
        pay.endpoints = vec!["checkout/pay".to_owned()];
        let ran = run(Plan {
            parts: vec![browse, pay],
            cpus: cpus(2),
            duration: 1000 * MS,
            ..plan(Play::new(&[paying.address()], get("/")), wire)
        });
        let (looked, paid) = (
            ran.endpoint("browse/look").0,
            ran.endpoint("checkout/pay").0,
        );
        assert_eq!(paid + ran.summary.requests.not_sent, 50, "over {wire:?}");
        assert_eq!(paying.counts().requests, paid);
        assert_eq!(browsing.counts().requests, looked);
        assert!(looked >= 2);
    }
}
