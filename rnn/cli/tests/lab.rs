//! The experiments of `rnn gradcheck` through the command line: Taylor tests, cross-checks, precision and sweeps.

#[allow(dead_code)] // `main`
#[path = "../../lab/examples/forgotten_square.rs"]
mod forgotten_square;

use autograd::Builder;
use autograd_check::{Verdict, taylor};
use rnn_lab::study::{NetSpec, Trial};
use std::path::Path;
use std::process::{Command, Output};

fn rnn(arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rnn")).args(arguments.split_whitespace()).output().unwrap()
}

/// The output of a command, which must exit with 0.
#[track_caller]
fn succeeds(arguments: &str) -> String {
    let output = rnn(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn table(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path).unwrap();
    reader.records().map(|row| row.unwrap().iter().map(String::from).collect()).collect()
}

/// Taylor's theorem: for a smooth loss the remainders after 1, 2 and 3 terms have the orders 1, 2 and 3. In a
/// direction along which a derivative nearly vanishes the order is higher, so the median of five directions is taken.
#[test]
fn nets_of_smooth_cells_have_the_orders_of_the_theorem() {
    for cell in ["elman", "lstm", "lstm-peephole", "gru", "gru-reset-before", "mgu", "ugrnn"] {
        for steps in [1, 5, 20] {
            let net = NetSpec { cell: cell.into(), steps, ..NetSpec::default() };
            let (network, point) = Trial::draw(&net, 1, 1.0).unwrap().unrolled().unwrap();
            let g = Builder::resume(network.graph.clone());
            let mut orders = [[0.0; 5]; 3];
            for seed in 0..5 {
                let report = taylor(g.expr(network.loss), point.clone(), seed).unwrap();
                assert_eq!(report.verdict(), Verdict::Pass, "{cell} over {steps} steps\n{report}");
                for (order, found) in orders.iter_mut().zip(&report.orders) {
                    order[usize::try_from(seed).unwrap()] = found.measured.unwrap();
                }
            }
            for (mut order, exact) in orders.into_iter().zip([1.0, 2.0, 3.0]) {
                order.sort_by(f64::total_cmp);
                assert!((order[2] - exact).abs() < 0.05, "{cell} over {steps} steps: {order:?} for {exact}");
            }
        }
    }
}

#[test]
fn a_taylor_test_is_a_table_and_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, svg) = (folder.path().join("a.csv"), folder.path().join("a.svg"));
    let text =
        succeeds(&format!("gradcheck --cell gru --taylor --csv {} --plot {}", csv.display(), svg.display()));
    assert!(text.contains("rounding floor") && text.trim_end().ends_with("pass"), "{text}");
    let rows = table(&csv);
    assert_eq!(rows[0], ["epsilon", "r1", "r2", "r3", "smooth"]);
    assert_eq!(rows.len(), 38);
    let svg = std::fs::read_to_string(svg).unwrap();
    roxmltree::Document::parse(&svg).unwrap();
    let json: serde_json::Value = serde_json::from_str(&succeeds("gradcheck --taylor --json")).unwrap();
    assert_eq!((&json["verdict"], json["orders"].as_array().unwrap().len()), (&"pass".into(), 3));
}

#[test]
fn all_witnesses_are_heard_by_name() {
    let text = succeeds("gradcheck --cell lstm --steps 4 --witnesses");
    for name in ["forward", "rtrl", "rolled", "padding", "batch", "hessian"] {
        let passes = |line: &&str| line.split_whitespace().take(2).eq(["pass", name]);
        assert_eq!(text.lines().filter(passes).count(), 1, "{text}");
    }
    let json = succeeds("gradcheck --bidirectional --witnesses --json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let silent = json["witnesses"].as_array().unwrap().iter().filter(|w| w["verdict"] == "silent");
    assert_eq!(silent.map(|w| w["name"].as_str().unwrap()).collect::<Vec<_>>(), ["rtrl", "rolled"]);
}

#[test]
fn precision_names_nodes_and_goes_over_steps() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("a.csv");
    let text = succeeds(&format!("gradcheck --cell lstm --steps 10 --precision --csv {}", csv.display()));
    assert!(text.contains("∂") && text.contains("over more steps"), "{text}");
    let rows = table(&csv);
    let loss = rows.iter().find(|row| row[0] == "loss").unwrap();
    let gap: f64 = loss[3].parse().unwrap();
    assert!(gap > 0.0 && gap < 1e-5, "{loss:?}");
}

#[test]
fn a_sweep_is_a_tidy_table_and_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, png) = (folder.path().join("a.csv"), folder.path().join("a.png"));
    succeeds(&format!("gradcheck --sweep step,dtype --csv {} --plot {}", csv.display(), png.display()));
    let rows = table(&csv);
    assert_eq!(
        rows[0].join(","),
        "cell,steps,hidden,scale,dtype,method,h,direction,exact,numeric,analytic,numeric_error,analytic_error"
    );
    // 45 steps, two types, two formulas, eight directions.
    assert_eq!(rows.len(), 1 + 45 * 2 * 2 * 8);
    assert!(std::fs::read(png).unwrap().starts_with(b"\x89PNG"));
}

/// The VJP is wrong at every step: so is the adjoint of each c, by its own equation, and no other.
#[test]
fn where_a_fault_arises_is_told_from_where_it_leads() {
    let survey = forgotten_square::survey().unwrap();
    let wrong = survey.rules.iter().filter(|rule| rule.error > 1e-11);
    let wrong: Vec<String> = wrong.map(|rule| survey.graph.name(rule.node).unwrap()).collect();
    assert_eq!(wrong, [1, 2, 3, 4, 5].map(|t| format!("l0/c[{t}]")));
    assert!(survey.rules.len() > 50);
}

#[test]
fn a_report_is_a_page_too() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("a.html");
    let arguments = format!("gradcheck --cell gru --layers 2 --tbptt 2 --html {}", page.display());
    assert!(succeeds(&arguments).contains("PASS all "));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains(r#""verdict":"pass""#) && page.contains("Gradient check: 2 layers of gru"));
    let nowhere = rnn(&format!("gradcheck --html {}", folder.path().join("no/a.html").display()));
    let error = String::from_utf8(nowhere.stderr).unwrap();
    assert!(error.contains("--html: cannot write"), "{error}");
}

#[test]
fn what_cannot_be_drawn_or_written_is_said_before_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("a.svg");
    for (arguments, what) in [
        (format!("gradcheck --sweep dtype,cell --plot {}", svg.display()), "begin --sweep with step"),
        (
            format!("gradcheck --taylor --csv {}", folder.path().join("no/a.csv").display()),
            "--csv: cannot write",
        ),
    ] {
        let output = rnn(&arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(what), "{error}");
    }
    assert!(!svg.exists());
    assert_eq!(rnn("gradcheck --taylor --precision").status.code(), Some(2));
    assert_eq!(rnn("gradcheck --csv a.csv").status.code(), Some(2));
}

/// The output and exit code of `rnn gradcheck --program` for a program, and more flags after ` ' `.
fn checked(program: &str) -> (i32, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rnn"));
    let (program, more) = program.split_once(" ' ").unwrap_or((program, ""));
    let all = ["gradcheck", "--program", program].into_iter().chain(more.split_whitespace());
    let output = command.current_dir(root).args(all).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn programs_in_other_languages_are_checked() {
    let plain = "python3 examples/gradcheck/plain.py";
    assert_eq!(checked(plain).0, 0);
    for (fault, said) in [
        ("--forget", "FAIL 2 of 2 gradients are wrong"),
        ("--element", "this one is wrong of 36: without it, it passes"),
        ("--keep", "it remembers what was asked before"),
        ("--five", "likely all 2 gradients, each: 5 times what it should be"),
        ("--nan", "likely the wrong elements of `w`: it is not finite"),
    ] {
        let (code, report) = checked(&format!("{plain} {fault}"));
        assert!(code == 1 && report.contains(said), "{fault}\n{report}");
        let calls = report.lines().find_map(|line| line.strip_suffix(" evaluations of the loss"));
        assert!(calls.is_some_and(|calls| calls.parse::<usize>().unwrap() < 1200), "{fault}\n{report}");
    }
    let (code, noisy) = checked(&format!("{plain} --noise"));
    assert!(code == 3 && noisy.contains("note: the function is noisy: at one point 8 answers"), "{noisy}");
    assert!(noisy.contains("OPEN 2 of 2 gradients are lost in the noise of the loss"), "{noisy}");
    let (code, full) = checked(&format!("{plain} ' --tier full"));
    assert!(code == 0 && full.contains("each of the 42 elements was checked by itself"), "{full}");
    assert_eq!(checked("false").0, 1);

    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("rnn");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/gradcheck/rnn.cpp");
    let built = Command::new("c++").args(["-O1", "-o"]).arg(&program).arg(source).status();
    assert!(built.is_ok_and(|status| status.success()), "a C++ compiler, `c++`, is needed");
    assert_eq!(checked(program.to_str().unwrap()).0, 0);
}

/// The points of a gradient check: larger weights, given ones, those of a trained net, and saturated gates.
#[test]
fn a_check_is_done_where_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let json = |arguments: &str| -> serde_json::Value { serde_json::from_str(&succeeds(arguments)).unwrap() };
    let text = succeeds("gradcheck --cell gru");
    assert!(text.contains("not: batch of several, sigmoid saturated, tanh saturated"), "{text}");
    let visited = json("gradcheck --cell gru --batch 2 --visit 12 --json");
    let regimes = visited["coverage"].as_array().unwrap();
    assert!(regimes.len() == 5 && regimes.iter().all(|one| one["visited"] == true), "{visited}");
    assert!(visited["points"].as_u64().unwrap() > 1 && visited["verdict"] == "pass", "{visited}");
    // Units that are off everywhere send no gradient through the recurrence: that it is 0 is right, and no proof.
    let off = succeeds("gradcheck --cell elman-relu --steps 4");
    assert!(off.contains("note: exactly 0 at this point: the gradient by `rnn.weight_hh_l0`"), "{off}");
    assert!(!text.contains("exactly 0"), "{text}");
    let scaled = json("gradcheck --cell gru --scale 30 --json");
    let saturated = serde_json::json!({ "regime": "sigmoid saturated", "visited": true });
    assert!(scaled["coverage"].as_array().unwrap().contains(&saturated), "{scaled}");

    std::fs::write(file("at.json"), r#"{"rnn.bias_ih_l0": [0, 0, 0, 0], "x": [[[0, 0, 0]]]}"#).unwrap();
    let norm = |report: &serde_json::Value, name: &str| {
        let tensors = report["tensors"].as_array().unwrap();
        tensors.iter().find(|t| t["name"] == name).unwrap()["norm"].as_f64().unwrap()
    };
    let given = json(&format!("gradcheck --steps 1 --at {} --json", file("at.json")));
    // An input of zeros gives its weights no gradient.
    assert!(norm(&given, "rnn.weight_ih_l0") == 0.0 && norm(&given, "rnn.weight_hh_l0") > 0.0, "{given}");
    std::fs::write(file("unknown.json"), r#"{"W": [1]}"#).unwrap();
    let told = rnn(&format!("gradcheck --at {}", file("unknown.json")));
    let message = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.status.code() == Some(1) && message.contains("rnn.weight_ih_l0"), "{message}");
    std::fs::write(file("shape.json"), r#"{"x": [1]}"#).unwrap();
    let told = rnn(&format!("gradcheck --at {}", file("shape.json")));
    assert!(told.status.code() == Some(1), "{}", String::from_utf8_lossy(&told.stderr));

    let quick = "--hidden 4 --epochs 1 --batch-size 2 --batches 2 --steps 6 --checkpoint";
    succeeds(&format!("train adding {quick} {}", file("net.safetensors")));
    let trained =
        succeeds(&format!("gradcheck --checkpoint {} --steps 4 --batch 2", file("net.safetensors")));
    assert!(trained.starts_with("trained ") && trained.contains("PASS"), "{trained}");
    assert_eq!(
        rnn(&format!("gradcheck --checkpoint {} --cell gru", file("net.safetensors"))).status.code(),
        Some(2)
    );
}
