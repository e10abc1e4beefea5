//! Every kernel on every instruction set of this machine, against the scalar oracle and against each other.

mod activations;
mod attention;
mod boundary;
mod common;
mod distance_bias;
mod half;
mod int8;
mod limits;
mod matmul;
mod rows;
mod team;
