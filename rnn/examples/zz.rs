//! scratch
use rnn::cell::CellRef;
fn main() {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    files.sort();
    for f in files {
        let cell = CellRef::open(&f).unwrap();
        let name = cell.name.clone();
        let rests: Vec<String> = (1..=3).map(|seed| {
            let t = std::time::Instant::now();
            match rnn::study::learns(cell.clone(), seed) {
                Ok(l) => format!("{:.3} {:?} ({:.2}s)", l.rest(), l.errors.iter().map(|e| (e*6000.0).round() as i64).collect::<Vec<_>>(), t.elapsed().as_secs_f64()),
                Err(e) => e.to_string(),
            }
        }).collect();
        println!("{name:16} {}", rests.join("  "));
    }
}
