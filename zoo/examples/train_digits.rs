fn main() {
    use gainsay_zoo::digits::*;
    let device = burn::tensor::Device::flex();
    let data = Dataset::embedded();
    let t = std::time::Instant::now();
    let mut recipe = Recipe::default();
    if let Some(e) = std::env::args().nth(2) { recipe.epochs = e.parse().unwrap(); }
    if let Some(e) = std::env::args().nth(3) { recipe.seed = e.parse().unwrap(); }
    let net = train(&data, recipe, &device, |e| eprintln!("{e:?} {:?}", t.elapsed())).unwrap();
    let held: Vec<_> = data.held_out().collect();
    let px: Vec<f32> = held.iter().flat_map(|i| i.pixels).collect();
    let x = burn::tensor::Tensor::<4>::from_data(burn::tensor::TensorData::new(px, [held.len(), 1, 8, 8]), &device);
    let y = net.forward(x).argmax(1).into_data();
    let y: Vec<i64> = y.iter::<i64>().collect();
    let right = y.iter().zip(&held).filter(|(a, b)| **a == b.label as i64).count();
    println!("{right}/{}", held.len());
    if let Some(p) = std::env::args().nth(1) { std::fs::write(p, gainsay_zoo::weights::save(&net).unwrap()).unwrap(); }
}
