internal import ArgumentParser

/// What nearly every command takes.
struct SpoolArgument: ParsableArguments {
    @Argument(help: "The spool's file.", completion: .file())
    var path: String

    @Flag(help: "JSON for machines.")
    var json = false
}
