fn main() -> std::process::ExitCode {
    vlmscope::cli::main()
}
