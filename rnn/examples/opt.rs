//! x
#![allow(missing_docs)]
use autograd::*;
fn main(){
 let a:Vec<String>=std::env::args().collect();
 let steps:usize=a[2].parse().unwrap(); let (b,i,h,v)=(a[3].parse::<usize>().unwrap(),a[4].parse::<usize>().unwrap(),a[5].parse::<usize>().unwrap(),a[6].parse::<usize>().unwrap());
 let t=std::time::Instant::now();
 let g=Builder::new();
 let net=rnn::Layers::of(rnn::cell::by_name(&a[1]).unwrap(),i,h);
 let w=net.declare(&g,""); let x=g.batch_input("x",Type::float([steps,b,i]),1);
 let run=net.unroll(&g,&w,x,None,&rnn::Start::Zero);
 let hw=g.parameter("head.weight",[v,net.output_size()]); let hb=g.parameter("head.bias",[v]);
 let yy=g.batch_input("y",Type::index([steps,b],v),1); let y=yy.one_hot(v);
 let ls:Vec<_>=run.outputs.iter().enumerate().map(|(t,o)|{let _s=g.step(t+1); let z=(o.linear(hw)+hb).named("logits"); (-(y.at(0,t)*z.log_softmax(1)).sum()/((steps*b) as f64)).named("L")}).collect();
 let loss=g.sum(&ls).named("loss");
 let wrt:Vec<_>=g.graph().unwrap().parameters().map(|p|g.expr(p)).collect();
 let gr=grad(loss,&wrt);
 let graph=g.graph().unwrap();
 eprintln!("build+grad {:?} nodes {}",t.elapsed(),graph.len());
 let outs:Vec<NodeId>=[loss].iter().chain(&gr).map(|e|e.id()).collect();
 let t1=std::time::Instant::now();
 let exe=autograd::compile::compile::<f32>(&graph,&outs).unwrap();
 eprintln!("compile {:?} bytes {}",t1.elapsed(),exe.bytes());
 let mut seed=1u64; let mut rnd=||{seed=seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); ((seed>>33) as f64/(1u64<<31) as f64)*2.0-1.0};
 let mut point=Point::<f32>::new();
 for p in &wrt { let s=p.shape(); let k=1.0/(h as f64).sqrt(); point.set(*p, ndarray::ArrayD::from_shape_simple_fn(&*s,||(rnd()*k) as f32)); }
 point.set(x, ndarray::ArrayD::from_shape_simple_fn(&[steps,b,i][..],||rnd() as f32));
 point.set(yy, Value::Index(ndarray::ArrayD::from_shape_simple_fn(&[steps,b][..],||((rnd()+1.0)/2.0*v as f64) as usize)));
 let r=exe.run(&point).unwrap();
 eprintln!("first {:?}",t.elapsed());
 if a.get(7).is_none() {
 let want=eval::<f32>(&graph,&point,&outs).unwrap();
 for (i,(r,w)) in r.iter().zip(&want).enumerate(){ let d=(r.float()-w.float()).mapv(|x|x*x).sum().sqrt(); let n=w.float().mapv(|x|x*x).sum().sqrt(); eprintln!("{i} rel {:.2e} norm {n:.3e}",d/n); }
 }
 let mut ts=vec![]; let end=std::time::Instant::now();
 while end.elapsed().as_secs_f64()<2.0 {let t=std::time::Instant::now(); exe.run(&point).unwrap(); ts.push(t.elapsed().as_secs_f64());}
 ts.sort_by(f64::total_cmp); eprintln!("min {:.4} ms median {:.4} ms of {}",ts[0]*1e3,ts[ts.len()/2]*1e3,ts.len());
 let mut acc:std::collections::BTreeMap<String,(f64,usize)>=Default::default();
 let mut best: Option<Vec<(String,f64)>>=None;
 for _ in 0..20 { let p=exe.profile(); let t:f64=p.iter().map(|x|x.1).sum(); if best.as_ref().is_none_or(|b|b.iter().map(|x|x.1).sum::<f64>()>t){best=Some(p);} }
 for (n,t) in best.unwrap(){ let e=acc.entry(n).or_default(); e.0+=t; e.1+=1; }
 let mut v:Vec<_>=acc.into_iter().collect(); v.sort_by(|a,b|b.1.0.total_cmp(&a.1.0));
 for (n,(t,c)) in v.iter().take(24){ eprintln!("{:8.1} µs ×{c} {n}",t*1e6); }
}
