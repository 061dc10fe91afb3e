using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Spectre.Console;

namespace LayerSwap.Cli;

/// <summary>The output of every command: results on stdout, all else on stderr, progress only on a terminal.</summary>
internal sealed class Terminal
{
    private static readonly Option<bool> Quiet = new("--quiet", "-q") { Description = "Print results and errors only.", Recursive = true };

    private static readonly Option<bool> NoProgress = new("--no-progress")
    {
        Description = "Show no progress, not even on a terminal.",
        Recursive = true,
    };

    private static readonly Option<LogLevel> Level = OptionFactory.CreateEnum<LogLevel>(
        "--log-level",
        "The lowest level that is logged to stderr: trace, debug, information, warning, error, critical or none (the default).",
        "LEVEL");

    private readonly ParseResult _parsed;

    public Terminal(ParseResult parsed) => _parsed = parsed;

    public ILogger Logger => new StderrLogger(_parsed.GetValue(Level));

    public static void AddOptions(RootCommand root)
    {
        Level.DefaultValueFactory = _ => LogLevel.None;
        Level.Recursive = true;
        root.Options.Add(Quiet);
        root.Options.Add(NoProgress);
        root.Options.Add(Level);
    }

    /// <summary>Writes a result to standard output.</summary>
    /// <exception cref="IOException">Standard output is full or broken. A closed output or pipe is ignored.</exception>
    public static void WriteResult(string text) => WriteResult(() => Console.Out.Write(text.EndsWith('\n') ? text : text + "\n"));

    /// <summary>Writes a result that is too long for a string.</summary>
    /// <inheritdoc cref="WriteResult(string)"/>
    public static void WriteResult(Action<Stream> write) => WriteResult(() =>
    {
        using Stream output = StandardStreams.HasOutput ? Console.OpenStandardOutput() : Stream.Null;
        write(output);
    });

    private static void WriteResult(Action write)
    {
        try
        {
            write();
        }
        catch (IOException e)
        {
            throw new IOException($"the work is done, but its result could not be written to standard output: {e.Message}", e);
        }
    }

    /// <summary>Writes a note to standard error, unless --quiet.</summary>
    public void WriteNote(string text)
    {
        if (!_parsed.GetValue(Quiet))
        {
            Console.Error.Write(text.EndsWith('\n') ? text : text + "\n");
        }
    }

    /// <summary>Runs long work with a progress bar, bytes and the remaining time.</summary>
    public async Task<T> WithProgress<T>(string title, Func<IProgress<WorkProgress>?, Task<T>> work)
    {
        if (_parsed.GetValue(Quiet) || _parsed.GetValue(NoProgress) || Console.IsErrorRedirected)
        {
            return await work(null);
        }

        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return await console.Progress().AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn())
            .StartAsync(async context =>
            {
                ProgressTask task = context.AddTask(Markup.Escape(title), maxValue: 1);
                return await work(new Reporter(p =>
                {
                    task.Value = p.Fraction;
                    string bytes = $"{ByteSize.Format(p.BytesDone)} of {ByteSize.Format(p.BytesTotal)}";
                    task.Description = Markup.Escape($"{title}  {bytes}, {Remaining(p)}");
                }));
            });
    }

    /// <summary>Writes a result to a file, or to stdout if the path is <c>-</c>.</summary>
    public static void SaveOrPrint(string path, string text, Action<string> save)
    {
        // Stdout may append to a file; opening it by path would overwrite the file from its beginning.
        if (path is "-" or "/dev/stdout" or "/dev/fd/1" or "/proc/self/fd/1")
        {
            WriteResult(text);
        }
        else
        {
            save(path);
        }
    }

    private static string Remaining(WorkProgress p) => p.Remaining is { } time
        ? time.ToString(time.TotalHours >= 1 ? @"h\:mm\:ss" : @"m\:ss", CultureInfo.InvariantCulture) + " left"
        : "...";

    /// <summary>Reports synchronously: Progress&lt;T&gt; would queue reports past the end of the work.</summary>
    private sealed class Reporter(Action<WorkProgress> report) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => report(value);
    }

    private sealed class StderrLogger(LogLevel minimum) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= minimum && minimum != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Console.Error.WriteLine($"{logLevel.ToString().ToLowerInvariant()}: {formatter(state, exception)}");
            }
        }
    }
}
