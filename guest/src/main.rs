//! The `bootc` command of the lab.
fn main() {
    let rt = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    let a: Vec<_> = std::env::args_os().collect();
    if let Err(e) = rt.block_on(ostree_ext::cli::run_from_iter(std::iter::once("ostree-ext".into()).chain(a.into_iter().skip_while(|x| x != "--").skip(1)))) { eprintln!("error: {e:#}"); std::process::exit(1); }
}
