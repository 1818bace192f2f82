//! The trainer and its networks: threads, and stops after any update.

use autograd::Value;
use ndarray::ArrayD;
use rnn::cell::CellRef;
use rnn::data::Vocabulary;
use rnn::data::synthetic::{Adding, TemporalOrder};
use rnn::infer::Generator;
use rnn::init;
use rnn::model::{Batch, Engine, Head, Inits, Input, Loss, Mode, Model, Networks, Start};
use rnn::tasks::{Level, Synthetic, SyntheticKind, Text};
use rnn::train::optim::Method;
use rnn::train::schedule::Schedule;
use rnn::train::{Clip, Event, Finish, Options, Save, Task, Trainer};

fn model(input: Input, head: Head, outputs: usize, loss: Loss) -> Model {
    Model {
        cell: "lstm".into(),
        input,
        hidden: 6,
        layers: 2,
        bidirectional: false,
        dropout: 0.0,
        start: Start::Zero,
        window: None,
        head,
        outputs,
        loss,
        init: Inits::default(),
    }
}

fn options(method: &str, epochs: u64) -> Options {
    Options {
        epochs,
        method: method.parse::<Method>().unwrap(),
        learning_rate: 0.01,
        schedule: "cosine:0.1".parse::<Schedule>().unwrap(),
        clip: Some(Clip::Norm(1.0)),
        patience: None,
        seed: 3,
        threads: 1,
    }
}

/// Batches whose rows differ in length, in ignored targets, and in number: the shards must be weighted by all of
/// these.
fn batches() -> Vec<(Model, Mode, Batch)> {
    let order = SyntheticKind::TemporalOrder(TemporalOrder::with_length(12).unwrap());
    let (input, head, outputs, loss) = order.shape();
    let lengths = Synthetic::new(model(input, head, outputs, loss), order, 5, 1, 1).unwrap();
    let adding = SyntheticKind::Adding(Adding::new(6).unwrap());
    let (input, head, outputs, loss) = adding.shape();
    let reals = Synthetic::new(model(input, head, outputs, loss), adding, 7, 1, 1).unwrap();
    let mut all: Vec<(Model, Mode, Batch)> = [&lengths as &dyn Task, &reals]
        .map(|task| (task.model().clone(), task.mode(), task.train(0, 0).next().unwrap()))
        .into();
    let symbols = model(Input::OneHot { symbols: 4 }, Head::EachStep, 4, Loss::CrossEntropy);
    let index = |f: &dyn Fn(usize) -> usize| {
        Value::Index(ArrayD::from_shape_fn(vec![5, 3], |place| f(3 * place[0] + place[1])))
    };
    // Class 4 means "ignore": the first row has fewer targets than the others.
    let y = index(&|i| if i % 3 == 0 && i > 3 { 4 } else { i % 4 });
    all.push((
        symbols,
        Mode { carry: true, ..Mode::default() },
        Batch { x: index(&|i| i % 3), y, lengths: None },
    ));
    all
}

/// A cell that reads its step number, with a clock that continues or restarts with each part.
fn clocks(line: &str) -> Model {
    let text = format!(
        "cell clock
  {line}
  a[t] = where(t == 1, 0.5, 0.9 * a[t-1] + 1 / t)
  h[t] = tanh(W x[t] + U h[t-1] + cos(2 * t) * a[t])"
    );
    let model = model(Input::OneHot { symbols: 4 }, Head::EachStep, 4, Loss::CrossEntropy);
    Model { cell: CellRef { text: Some(text), ..CellRef::from("clock") }, ..model }
}

/// The logits `[step][class]` of one sequence read in parts of these lengths, with states carried.
fn in_parts(model: &Model, symbols: &[usize], parts: &[usize]) -> Vec<Vec<f32>> {
    let task = Text::new(
        model.clone(),
        Level::Char,
        &Vocabulary::characters("abcd"),
        &[0, 1, 2, 3].repeat(30),
        3,
        1,
    )
    .unwrap();
    let mut networks = Networks::new(model, task.mode(), 1);
    let parameters = model.first_parameters(3).unwrap();
    let (mut at, mut carry, mut logits) = (0, Vec::new(), Vec::new());
    for &part in parts {
        let x = ArrayD::from_shape_fn(vec![part, 1], |place| symbols[at + place[0]]);
        let feed = Batch { y: Value::Index(x.clone()), x: Value::Index(x), lengths: None };
        let outcome = networks.run(&parameters, &feed, &carry, 0, false).unwrap();
        logits.extend(outcome.outputs.iter().map(|step| step.iter().copied().collect::<Vec<f32>>()));
        (at, carry) = (at + part, outcome.last);
    }
    logits
}

#[track_caller]
fn assert_near(found: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(found.len(), expected.len());
    let worst =
        found.iter().flatten().zip(expected.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5, "{worst}");
}

#[test]
fn a_sequence_in_parts_is_the_sequence() {
    let symbols = [0, 3, 1, 2, 2, 0, 1, 3, 0];
    let goes_on = clocks("");
    let whole = in_parts(&goes_on, &symbols, &[9]);
    for parts in [&[3, 3, 3][..], &[1; 9], &[4, 5]] {
        assert_near(&in_parts(&goes_on, &symbols, parts), &whole);
    }
    // With a restarting clock the parts differ from the whole.
    let restarts = clocks("clock restarts");
    assert_near(&in_parts(&restarts, &symbols, &[9]), &whole);
    let parts = in_parts(&restarts, &symbols, &[3, 3, 3]);
    assert_near(&parts[..3], &whole[..3]);
    assert!((parts[3][0] - whole[3][0]).abs() > 1e-3);
}

/// Generation symbol by symbol agrees with the windows of training, whether the clock continues or restarts.
#[test]
fn a_text_is_written_by_the_model_that_was_trained() {
    for line in ["", "clock restarts"] {
        let model = clocks(line);
        let parameters = model.first_parameters(3).unwrap();
        let vocabulary = Vocabulary::characters("abcd");
        let mut generator = Generator::new(&model, &parameters, &vocabulary, 3).unwrap();
        let mut symbols = vec![1];
        generator.read(1).unwrap();
        for _ in 0..8 {
            symbols.push(generator.write(0.0, &mut init::rng(1, "text")).unwrap());
        }
        let windows = in_parts(&model, &symbols, &[3, 3, 3]);
        let likeliest = |z: &Vec<f32>| (0..4).max_by(|&a, &b| z[a].total_cmp(&z[b])).unwrap();
        assert_eq!(symbols[1..], windows[..8].iter().map(likeliest).collect::<Vec<_>>(), "{line}");
    }
}

#[test]
fn threads_give_the_numbers_of_one_and_the_same_bits_each_time() {
    for (model, mode, feed) in batches() {
        let parameters = model.first_parameters(1).unwrap();
        let run =
            |threads| Networks::new(&model, mode, threads).run(&parameters, &feed, &[], 5, true).unwrap();
        let one = run(1);
        for threads in [2, 3, 64] {
            let many = run(threads);
            assert!((many.loss - one.loss).abs() < 1e-6, "{} {}", many.loss, one.loss);
            assert_eq!((many.count.to_bits(), many.right), (one.count.to_bits(), one.right));
            for ((name, a), (_, b)) in many.gradients.iter().zip(one.gradients.iter()) {
                let largest = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(largest < 1e-6, "{name} differs by {largest} over {threads} threads");
            }
            for (a, b) in many.outputs.iter().chain(&many.last).zip(one.outputs.iter().chain(&one.last)) {
                assert_eq!(a.shape(), b.shape());
                assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6));
            }
            let again = run(threads);
            assert!(again.gradients == many.gradients && again.loss.to_bits() == many.loss.to_bits());
        }
    }
}

#[test]
fn lengths_that_no_sequence_can_have_are_refused() {
    let (model, mode, feed) = batches().remove(0);
    let (steps, rows) = (feed.steps(), feed.batch());
    let parameters = model.first_parameters(1).unwrap();
    let network = model.network(steps, rows, mode).unwrap();
    for (length, said) in [
        (
            Some(0),
            format!("sequence 2 of the batch has the length 0: it must be at least 1 and at most {steps}"),
        ),
        (Some(steps + 1), format!("has the length {}", steps + 1)),
        (None, format!("{} lengths were given for {rows} sequences", rows - 1)),
    ] {
        let mut feed = feed.clone();
        let lengths = feed.lengths.as_mut().unwrap();
        match length {
            Some(length) => lengths[1] = length,
            None => drop(lengths.pop()),
        }
        let one = network.point(&parameters, &feed, &[], 0).unwrap_err().to_string();
        for threads in [1, 2] {
            let run = Networks::new(&model, mode, threads).run(&parameters, &feed, &[], 5, true);
            let many = run.unwrap_err().to_string();
            assert!(one.contains(&said) && many == one, "{one}\n{many}");
        }
    }
}

fn text() -> Text {
    let symbols: Vec<usize> = (0..400).map(|i| i * i % 5).collect();
    let mut model = model(Input::Embedding { symbols: 5, size: 3 }, Head::EachStep, 5, Loss::CrossEntropy);
    model.dropout = 0.3;
    Text::new(model, Level::Char, &Vocabulary::characters("abcde"), &symbols, 6, 6).unwrap()
}

/// Trains to the end, stopping after every `every` updates and resuming from the files; returns the files' bytes.
fn files(method: &str, every: u64) -> [Vec<u8>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let save = Save { every: 4, ..Save::at(&folder.path().join("a.safetensors")) };
    let task = text();
    let config = serde_json::json!({ "anything": 1 });
    loop {
        let mut trainer = Trainer::new(&task, options(method, 2), config.clone()).unwrap();
        if save.last.exists() {
            trainer = trainer.resume(&save.best, &save.last).unwrap();
        }
        let until = trainer.progress().step + every;
        let count = std::cell::Cell::new(trainer.progress().step);
        let stop = |_: &Trainer| count.get() >= until;
        let finish = trainer.run(Some(&save), stop, |_| count.set(count.get() + 1)).unwrap();
        if finish == Finish::Done {
            return [&save.best, &save.last].map(|path| std::fs::read(path).unwrap());
        }
    }
}

#[test]
fn a_run_that_stops_after_any_update_ends_in_the_same_files() {
    let updates = 2 * text().batches() as u64;
    assert!(updates > 12, "{updates}");
    for method in ["sgd:momentum=0.9", "adagrad", "rmsprop:momentum=0.5", "adam", "adamw"] {
        let whole = files(method, u64::MAX / 2);
        for every in [1, 3, updates / 2, updates / 2 + 1] {
            assert!(files(method, every) == whole, "{method}, stopped every {every} updates");
        }
    }
}

/// An event of a listener: the update, the finished epochs, and whether an epoch ended.
type Told = (u64, u64, bool);

fn told(event: &Event) -> Told {
    match event {
        Event::Step { progress, .. } => (progress.step, progress.epoch, false),
        Event::Epoch { progress, .. } => (progress.step, progress.epoch, true),
    }
}

#[test]
fn a_run_that_dies_at_any_moment_tells_and_saves_the_same() {
    let task = text();
    let trainer = || Trainer::new(&task, options("adam", 2), serde_json::json!(null)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let save = Save { every: 5, ..Save::at(&folder.path().join("a.safetensors")) };
    let files = |save: &Save| [&save.best, &save.last].map(|path| std::fs::read(path).ok());
    // For each event, the contents of the files at that moment: what a run that dies there leaves.
    let (mut all, mut left) = (Vec::new(), Vec::new());
    let listen = |event: Event| {
        all.push(told(&event));
        left.push(files(&save));
    };
    trainer().run(Some(&save), |_| false, listen).unwrap();
    let whole = files(&save);
    for (k, left) in left.iter().enumerate() {
        // The listener may have died before it recorded the event, or after.
        for written in [&all[..k], &all[..=k]] {
            let folder = tempfile::tempdir().unwrap();
            let save = Save { every: 5, ..Save::at(&folder.path().join("a.safetensors")) };
            for (path, bytes) in [&save.best, &save.last].into_iter().zip(left) {
                bytes.iter().for_each(|bytes| std::fs::write(path, bytes).unwrap());
            }
            let mut trainer = trainer();
            if save.last.exists() {
                trainer = trainer.resume(&save.best, &save.last).unwrap();
            }
            let (step, epoch) = (trainer.progress().step, trainer.progress().epoch);
            let kept = written.iter().copied().filter(|told| told.0 <= step && told.1 <= epoch);
            let mut log: Vec<Told> = kept.collect();
            trainer.run(Some(&save), |_| false, |event| log.push(told(&event))).unwrap();
            assert_eq!(log, all, "died at event {k}");
            assert!(files(&save) == whole, "died at event {k}");
        }
    }
}

/// A task with prepared batches, so that all allocations during training are the trainer's.
struct Ready {
    task: Text,
    feeds: std::cell::RefCell<Vec<Batch>>,
}

impl Task for Ready {
    fn model(&self) -> &Model {
        self.task.model()
    }
    fn mode(&self) -> Mode {
        self.task.mode()
    }
    fn batches(&self) -> usize {
        usize::MAX
    }
    fn train(&self, _: u64, _: usize) -> Box<dyn Iterator<Item = Batch> + '_> {
        Box::new(std::iter::from_fn(|| self.feeds.borrow_mut().pop()))
    }
    fn validation(&self) -> Box<dyn Iterator<Item = Batch> + '_> {
        self.task.validation()
    }
    fn figures(&self, metrics: &rnn::model::Metrics) -> Vec<rnn::train::Figure> {
        self.task.figures(metrics)
    }
}

/// Ten updates allocate no more memory than one: dropout, carried states, clipping and the optimiser included.
#[test]
fn a_warm_update_allocates_nothing() {
    for (method, clip) in
        [("sgd", None), ("sgd:momentum=0.9", Some(Clip::Value(0.5))), ("adamw", Some(Clip::Norm(1.0)))]
    {
        for threads in [1, 2] {
            let task = text();
            let feeds: Vec<Batch> =
                std::iter::repeat_with(|| task.train(0, 0).take(4)).take(5).flatten().collect();
            let task = Ready { task, feeds: feeds.into() };
            let options = Options { clip, threads, ..options(method, 1) };
            let mut trainer = Trainer::new(&task, options, serde_json::json!(null)).unwrap();
            let mut updates = |n: u64| {
                let mut made = 0;
                let stop = |_: &Trainer| {
                    made += 1;
                    made > n
                };
                let info = allocation_counter::measure(|| {
                    assert_eq!(trainer.run(None, stop, |_| ()).unwrap(), Finish::Stopped);
                });
                info.count_total
            };
            updates(3);
            let (one, ten) = (updates(1), updates(10));
            assert_eq!(one, ten, "{method}, {threads} threads");
        }
    }
}
