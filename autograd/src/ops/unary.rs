//! Elementwise functions of one operand.

use super::{Adjoint, Class, Domain, Function, Notation, Op, Operator, Sample, Sampler, Unary, one_float};
use crate::graph::Expr;
use crate::kernels;
use crate::scalar::Scalar;
use crate::shape::Type;
use crate::value::Value;
use std::f64::consts::FRAC_2_SQRT_PI;
use std::fmt::Debug;

/// A function of one real number, applied elementwise. Every implementation is an [`Operator`].
///
/// shape   y: shape(x)
pub trait Pointwise: Debug + Send + Sync + Sized + 'static {
    /// The op's name in dumps.
    const NAME: &'static str;
    /// The function.
    fn of<S: Scalar>(&self, x: S) -> S;
    /// The adjoint of `x`, given `y` and its adjoint `dy`.
    fn pull<'g>(&self, x: Expr<'g>, y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g>;
    /// Draws an instance.
    fn draw(sampler: &mut Sampler) -> Self;
    /// The domain where the function is smooth, in a range worth testing.
    fn domain(&self) -> Domain;
    /// Which side of its kink `x` is on; `None` for a smooth function.
    fn side(&self, _x: f64) -> Option<bool> {
        None
    }
    /// The mathematical notation.
    fn notation(&self) -> Notation {
        Notation::Function
    }
    /// The function for compilers.
    fn function(&self) -> Function;
    /// Whether it is linear.
    fn is_linear(&self) -> bool {
        false
    }
    /// The attributes besides the name.
    fn attributes(&self) -> String {
        String::new()
    }
}

impl<P: Pointwise> Operator for P {
    fn name(&self) -> &'static str {
        P::NAME
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        one_float(operands).cloned()
    }
    fn eval_f32(&self, x: &[&Value<f32>]) -> Value<f32> {
        x[0].map(|x| self.of(x))
    }
    fn eval_f64(&self, x: &[&Value<f64>]) -> Value<f64> {
        x[0].map(|x| self.of(x))
    }
    fn eval_dual(&self, x: &[&Value<crate::Dual>]) -> Value<crate::Dual> {
        x[0].map(|x| self.of(x))
    }
    fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        self.pull(x[0], y, dy)
    }
    fn notation(&self) -> Notation {
        Pointwise::notation(self)
    }
    fn class(&self) -> Class {
        Class::Elementwise(self.function())
    }
    fn is_linear(&self, _varying: &[bool]) -> bool {
        Pointwise::is_linear(self)
    }
    fn attributes(&self) -> String {
        Pointwise::attributes(self)
    }
    fn branches(&self, x: &[&Value<f64>]) -> Vec<bool> {
        x[0].float().iter().filter_map(|&x| self.side(x)).collect()
    }
    fn sample(sampler: &mut Sampler) -> Sample<Self> {
        let op = P::draw(sampler);
        let shape = sampler.shape(0..4);
        let operand = sampler.float(shape, op.domain());
        Sample::new(op, [operand])
    }
}

/// The function of an op for compilers: one with vector code, or a call per element.
macro_rules! function {
    ($op:ident $function:expr) => {
        $function
    };
    ($op:ident) => {
        Function::Unary(Unary { f32: |x| $op.of(x), f64: |x| $op.of(x) })
    };
}

macro_rules! pointwise {
    ($($(#[$doc:meta])+ $op:ident $name:literal on $domain:expr;
        |$x:ident| $of:expr; |$px:ident, $py:ident, $dy:ident| $pull:expr;
        $(side |$s:ident| $side:expr;)? $(written $notation:expr;)? $(linear $linear:literal;)? $(compiled $function:expr;)?)*) => {
    /// The functions of this file that have no attributes.
    pub(super) static FUNCTIONS: &[Op] = &[$(Op::$op($op)),*];
    $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $op;

        impl Pointwise for $op {
            const NAME: &'static str = $name;
            fn of<S: Scalar>(&self, $x: S) -> S {
                $of
            }
            fn pull<'g>(&self, $px: Expr<'g>, $py: Expr<'g>, $dy: Expr<'g>) -> Adjoint<'g> {
                $pull.into()
            }
            fn draw(_: &mut Sampler) -> Self {
                Self
            }
            fn domain(&self) -> Domain {
                $domain
            }
            $(fn side(&self, $s: f64) -> Option<bool> {
                Some($side)
            })?
            $(fn notation(&self) -> Notation {
                $notation
            })?
            fn function(&self) -> Function {
                function!($op $($function)?)
            }
            $(fn is_linear(&self) -> bool {
                $linear
            })?
        }
    )*};
}

pointwise! {
    /// `y = −x`
    ///
    /// vjp     x̄ = −ȳ
    Neg "neg" on Domain::reals(-3.0, 3.0);
        |x| -x;  |_x, _y, dy| -dy;
        written Notation::Prefix("−");
        linear true;
        compiled Function::Neg;

    /// `y = eˣ`
    ///
    /// vjp     x̄ = ȳ ⊙ y
    Exp "exp" on Domain::reals(-2.0, 2.0);
        |x| x.exp();  |_x, y, dy| dy * y;
        compiled Function::Exp;

    /// `y = ln x`, the natural logarithm, for x > 0
    ///
    /// vjp     x̄ = ȳ ⊘ x
    Ln "ln" on Domain::reals(0.3, 3.0);
        |x| x.ln();  |x, _y, dy| dy / x;
        compiled Function::Ln;

    /// `y = √x`, for x > 0
    ///
    /// vjp     x̄ = ȳ ⊘ 2y
    Sqrt "sqrt" on Domain::reals(0.3, 3.0);
        |x| x.sqrt();  |_x, y, dy| dy / (2.0 * y);
        compiled Function::Sqrt;

    /// `y = tanh x`
    ///
    /// vjp     x̄ = ȳ ⊙ (1 − y ⊙ y)
    Tanh "tanh" on Domain::reals(-3.0, 3.0);
        |x| x.tanh();  |_x, y, dy| dy * (1.0 - y * y);
        compiled Function::Tanh;

    /// `y = σ(x) = 1 / (1 + e⁻ˣ)`
    ///
    /// vjp     x̄ = ȳ ⊙ y ⊙ (1 − y)
    Sigmoid "sigmoid" on Domain::reals(-4.0, 4.0);
        |x| {
            // The exponential is taken of negative numbers only, so it cannot overflow.
            let (one, e) = (S::one(), if x < S::zero() { x.exp() } else { (-x).exp() });
            if x < S::zero() { e / (one + e) } else { one / (one + e) }
        };  |_x, y, dy| dy * (y * (1.0 - y));
        compiled Function::Sigmoid;

    /// `y = max(x, 0)`; its derivative at 0 is 0
    ///
    /// vjp     x̄ = ȳ where x > 0, else 0
    Relu "relu" on Domain::reals(-2.0, 2.0).avoiding(&[0.0]);
        // Written so that NaN propagates.
        |x| if x <= S::zero() { S::zero() } else { x };
        |x, _y, dy| x.greater(0.0).select(dy, 0.0);
        side |x| x > 0.0;
        compiled Function::Relu;

    /// `y = ln(1 + eˣ)`
    ///
    /// vjp     x̄ = ȳ ⊙ σ(x)
    Softplus "softplus" on Domain::reals(-4.0, 4.0);
        |x| if x > S::zero() { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() };
        |x, _y, dy| dy * x.sigmoid();
        compiled Function::Softplus;

    /// `y = |x|`; its derivative at 0 is 0
    ///
    /// vjp     x̄ = ȳ where x > 0, −ȳ where x < 0, else 0
    Abs "abs" on Domain::reals(-2.0, 2.0).avoiding(&[0.0]);
        // Zero of either sign becomes zero, its tangent too; NaN propagates.
        |x| if x < S::zero() { -x } else if x > S::zero() { x } else { x * S::zero() + S::zero() };
        |x, _y, dy| x.greater(0.0).select(dy, x.less(0.0).select(-dy, 0.0));
        side |x| x > 0.0;
        compiled Function::Abs;

    /// `y = sin x`
    ///
    /// vjp     x̄ = ȳ ⊙ cos x
    Sin "sin" on Domain::reals(-3.0, 3.0);
        |x| x.sin();  |x, _y, dy| dy * x.cos();
        compiled Function::Sin;

    /// `y = cos x`
    ///
    /// vjp     x̄ = −ȳ ⊙ sin x
    Cos "cos" on Domain::reals(-3.0, 3.0);
        |x| x.cos();  |x, _y, dy| -(dy * x.sin());
        compiled Function::Cos;

    /// `y = 1 / x`, for x ≠ 0
    ///
    /// vjp     x̄ = −ȳ ⊙ y ⊙ y
    Reciprocal "reciprocal" on Domain::reals(0.4, 3.0);
        |x| S::one() / x;  |_x, y, dy| -(dy * (y * y));
        written Notation::Power(-1);
        compiled Function::Reciprocal;

    /// `y = erf x = 2/√π ∫₀ˣ e^(−t²) dt`, the error function
    ///
    /// vjp     x̄ = ȳ ⊙ 2/√π e^(−x²)
    Erf "erf" on Domain::reals(-2.5, 2.5);
        |x| x.erf();  |x, _y, dy| dy * ((-(x * x)).exp() * FRAC_2_SQRT_PI);

    /// `y = tan x`
    ///
    /// vjp     x̄ = ȳ ⊙ (1 + y ⊙ y)
    Tan "tan" on Domain::reals(-1.2, 1.2);
        |x| x.tan();  |_x, y, dy| dy * (1.0 + y * y);

    /// `y = arctan x`
    ///
    /// vjp     x̄ = ȳ ⊘ (1 + x ⊙ x)
    Atan "atan" on Domain::reals(-3.0, 3.0);
        |x| x.atan();  |x, _y, dy| dy / (1.0 + x * x);

    /// `y = ln(1 + x)`, exact for small x, for x > −1
    ///
    /// vjp     x̄ = ȳ ⊘ (1 + x)
    Log1p "log1p" on Domain::reals(-0.6, 3.0);
        |x| x.ln_1p();  |x, _y, dy| dy / (1.0 + x);

    /// `y = eˣ − 1`, exact for small x
    ///
    /// vjp     x̄ = ȳ ⊙ (1 + y)
    Expm1 "expm1" on Domain::reals(-2.0, 2.0);
        |x| x.exp_m1();  |_x, y, dy| dy * (1.0 + y);

    /// `y = sinh x`
    ///
    /// vjp     x̄ = ȳ ⊙ cosh x
    Sinh "sinh" on Domain::reals(-2.0, 2.0);
        |x| x.sinh();  |x, _y, dy| dy * x.cosh();

    /// `y = cosh x`
    ///
    /// vjp     x̄ = ȳ ⊙ sinh x
    Cosh "cosh" on Domain::reals(-2.0, 2.0);
        |x| x.cosh();  |x, _y, dy| dy * x.sinh();
}

/// `y = xⁿ` for a whole number n; for negative n, x ≠ 0
///
/// vjp     x̄ = ȳ ⊙ n xⁿ⁻¹
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Powi(
    /// The exponent n.
    pub i32,
);

impl Pointwise for Powi {
    const NAME: &'static str = "powi";
    fn of<S: Scalar>(&self, x: S) -> S {
        x.powi(self.0)
    }
    fn pull<'g>(&self, x: Expr<'g>, _y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        match self.0 {
            0 => Adjoint::Zero,
            n => (dy * (f64::from(n) * x.powi(n - 1))).into(),
        }
    }
    fn draw(sampler: &mut Sampler) -> Self {
        Self(sampler.choice(&[-3, -2, -1, 0, 1, 2, 3, 4]))
    }
    fn domain(&self) -> Domain {
        if self.0 < 0 { Domain::reals(0.5, 2.0) } else { Domain::reals(-2.0, 2.0) }
    }
    fn notation(&self) -> Notation {
        Notation::Power(self.0)
    }
    fn function(&self) -> Function {
        Function::Powi(self.0)
    }
    fn is_linear(&self) -> bool {
        self.0 == 1
    }
    fn attributes(&self) -> String {
        format!("n={}", self.0)
    }
}

/// `y = x`, and the adjoint stops here: truncated BPTT applies it to the carried state
///
/// shape   y: shape(x)
/// vjp     x̄ = 0
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StopGradient;

// Not [`Pointwise`]: its kernel must drop the tangent of a dual number as its VJP drops the adjoint.
impl StopGradient {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        x[0].map(S::detached)
    }
}

impl Operator for StopGradient {
    kernels!();
    fn name(&self) -> &'static str {
        "stop_gradient"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        one_float(operands).cloned()
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], _: Expr<'g>, _: Expr<'g>) -> Adjoint<'g> {
        Adjoint::Zero
    }
    fn class(&self) -> Class {
        Class::Elementwise(Function::Identity)
    }
    fn is_linear(&self, varying: &[bool]) -> bool {
        varying.iter().all(|&varies| varies)
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(sampler: &mut Sampler) -> Sample<Self> {
        let shape = sampler.shape(0..4);
        Sample::new(Self, [sampler.float(shape, Domain::reals(-3.0, 3.0))])
    }
}
