//! The words shared by every stage: what is asked for, who is asked, what came back and what it means.
//!
//! Only data and the laws that hold for it: no I/O, no clock, no async runtime. A type lives here when
//! it crosses from one stage to the next; what a stage alone needs stays in that stage.

pub mod access;
pub mod age;
pub mod anatomy;
pub mod blob;
pub mod budget;
pub mod busy;
pub mod choice;
pub mod code;
pub mod compare;
pub mod depth;
pub mod digest;
pub mod dynamic;
pub mod endpoint;
pub mod estimate;
pub mod evidence;
pub mod fault;
pub mod host;
pub mod image;
pub mod image_repository;
pub mod kind;
pub mod manifest;
pub mod mirror;
pub mod node;
pub mod observation;
pub mod origin;
pub mod plan;
pub mod platform;
pub mod pull;
pub mod referrers;
pub mod rewrite;
pub mod run;
pub mod scope;
pub mod secret;
pub mod shown;
pub mod sign_in;
pub mod status;
pub mod tls;
