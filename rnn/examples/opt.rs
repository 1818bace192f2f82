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
 let y=g.batch_input("y",Type::index([steps,b],v),1).one_hot(v);
 let ls:Vec<_>=run.outputs.iter().enumerate().map(|(t,o)|{let _s=g.step(t+1); let z=(o.linear(hw)+hb).named("logits"); (-(y.at(0,t)*z.log_softmax(1)).sum()/((steps*b) as f64)).named("L")}).collect();
 let loss=g.sum(&ls).named("loss");
 let wrt:Vec<_>=g.graph().unwrap().parameters().map(|p|g.expr(p)).collect();
 let gr=grad(loss,&wrt);
 let graph=g.graph().unwrap();
 eprintln!("build+grad {:?} nodes {}",t.elapsed(),graph.len());
 let outs:Vec<usize>=[loss].iter().chain(&gr).map(|e|e.id().index()).collect();
 let t=std::time::Instant::now();
 let (o,outputs,rep)=autograd::compile::optimised(&graph,&outs);
 eprintln!("passes {:?} nodes {}",t.elapsed(),o.len());
 for r in rep { eprintln!("{r:?}"); }
 if steps<=4 { println!("{}\n{outputs:?}",o.text()); }
}
