//! The protocol between engine and driver, with drivers of a few lines of shell.

use super::*;
use rnn::model::{Head, Inits, Input, Loss, Start};
use std::os::unix::fs::PermissionsExt;

/// A driver that reports ready, and then runs the script.
fn driver(folder: &TempDir, script: &str) -> String {
    let path = folder.path().join("python");
    std::fs::write(&path, format!("#!/bin/sh\necho ready cpu\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().into()
}

fn model() -> Model {
    Model {
        cell: "elman".into(),
        input: Input::Reals { size: 3 },
        hidden: 4,
        layers: 1,
        bidirectional: false,
        dropout: 0.0,
        start: Start::Zero,
        window: None,
        head: Head::EachStep,
        outputs: 2,
        loss: Loss::CrossEntropy,
        init: Inits::default(),
    }
}

/// The engine caches as many programs as our own caches networks, by recent use, and the driver unloads the others.
#[test]
fn the_programs_used_last_are_kept_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script =
        format!("while read word stem; do echo \"$word ${{stem##*/}}\" >> {}; echo ok; done", log.display());
    let mut xla = Xla::start(&driver(&folder, &script), &model(), Mode::default(), 1).unwrap();
    for batch in 1..=Networks::KEPT + 2 {
        xla.make(1, batch, false).unwrap();
        // A repeatedly used one stays.
        xla.make(1, 1, false).unwrap();
        assert_eq!(xla.made.len(), batch.min(Networks::KEPT));
    }
    let said = std::fs::read_to_string(log).unwrap();
    let unloaded: Vec<&str> = said.lines().filter(|line| line.starts_with("unload")).collect();
    assert_eq!(unloaded, ["unload batch-1-2-false", "unload batch-1-3-false"]);
    assert_eq!(said.lines().count(), Networks::KEPT + 2 + unloaded.len());
    let files = std::fs::read_dir(xla.driver.folder.path()).unwrap().count();
    assert_eq!(files, 2 * Networks::KEPT + 1, "programs, and the driver");
}

/// A driver that received half of a batch waits for the rest, and never answers.
#[test]
fn what_cannot_be_sent_is_told_before_the_driver_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let python = driver(&folder, "read word stem; echo ok; sleep 2");
    let mut xla = Xla::start(&python, &model(), Mode::default(), 1).unwrap();
    xla.make(2, 1, false).unwrap();
    let Xla { driver, made, .. } = &mut xla;
    let (_, Loaded { network, program, name, .. }) = &made[0];
    let parameters = model().first_parameters(1).unwrap();
    let shape = |id| network.graph.node(id).unwrap().ty.shape.to_vec();
    let (x, y) = (ArrayD::<f32>::zeros(shape(network.x)), ArrayD::zeros(shape(network.y)));
    let mut whole = Point::new().with(network.x, x).with(network.y, Value::Index(y));
    for (name, id) in &network.parameters {
        whole.set(*id, parameters[name.as_str()].clone());
    }
    for (value, why) in [(None, "it has no value"), (Some(ArrayD::<f32>::zeros(vec![2, 1, 9])), "it needs")] {
        let mut point = Point::new();
        whole.iter().filter(|(id, _)| *id != network.x).for_each(|(id, value)| point.set(id, value.clone()));
        if let Some(value) = value {
            point.set(network.x, value);
        }
        let error = driver.run(name, program, &point).unwrap_err().to_string();
        assert!(
            error.starts_with("the driver of XLA: cannot be sent `x`: ") && error.contains(why),
            "{error}"
        );
    }
}

#[test]
fn a_driver_that_ends_is_named_with_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    for (script, how) in
        [("read word stem; exit 7", "exit status: 7"), ("read word stem; kill -9 $$", "signal: 9")]
    {
        let mut xla = Xla::start(&driver(&folder, script), &model(), Mode::default(), 1).unwrap();
        let error = xla.make(1, 1, false).unwrap_err().to_string();
        assert!(
            error.starts_with("the driver of XLA: it has ended, with ") && error.contains(how),
            "{error}"
        );
    }
    let mut xla = Xla::start(&driver(&folder, "sleep 2"), &model(), Mode::default(), 1).unwrap();
    std::fs::remove_dir_all(xla.driver.folder.path()).unwrap();
    let error = xla.make(1, 1, false).unwrap_err().to_string();
    assert!(error.contains("cannot write `") && error.contains("batch-1-1-false.mlir`: "), "{error}");
}
