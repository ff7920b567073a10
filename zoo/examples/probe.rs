fn main() {
    use gainsay_zoo::digits::*;
    let t = std::time::Instant::now();
    let a = std::sync::Arc::new(artifact().unwrap());
    println!("{} {:?}", a.id(), t.elapsed());
    for l in a.programs()[0].layers() { println!("{l:?}"); }
    let p = &a.programs()[0];
    println!("layers {} cost {} peak {}", p.layer_count(), p.total_cost(), p.peak_bytes());
    for i in &p.program().instructions { println!("{} {:?}", i.operator, i.operands); }
    for isa in gainsay_canon::Isa::supported() {
    let k = gainsay_canon::Kernels::new(isa, std::num::NonZeroUsize::MIN).unwrap();
    let t = std::time::Instant::now();
    println!("{isa} {} {:?}", canonical_accuracy(&a, &Dataset::embedded(), &k).unwrap(), t.elapsed());
    }
}
