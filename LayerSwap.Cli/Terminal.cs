using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Spectre.Console;

namespace LayerSwap.Cli;

/// <summary>What every command shares: results on stdout, all else on stderr, progress only on a terminal.</summary>
internal sealed class Terminal
{
    private static readonly Option<bool> Quiet = new("--quiet", "-q") { Description = "Print results and errors only.", Recursive = true };
    private static readonly Option<bool> NoProgress = new("--no-progress") { Description = "Show no progress, not even on a terminal.", Recursive = true };
    private static readonly Option<LogLevel> Level = Choice.Of<LogLevel>("--log-level", "What is logged to stderr: trace, debug, information, warning, error, critical or none (the default).", "LEVEL");

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

    /// <summary>Something the command's reader came for.</summary>
    /// <exception cref="IOException">Standard output is full or broken. Closed, or a pipe that nobody reads, it takes nothing and says nothing.</exception>
    public static void Result(string text) => Result(() => Console.Out.Write(text.EndsWith('\n') ? text : text + "\n"));

    /// <summary>A result that is too long for a text.</summary>
    /// <inheritdoc cref="Result(string)"/>
    public static void Result(Action<Stream> write) => Result(() =>
    {
        using Stream output = StandardStreams.HasOutput ? Console.OpenStandardOutput() : Stream.Null;
        write(output);
    });

    private static void Result(Action write)
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

    /// <summary>Something to know on the way.</summary>
    public void Note(string text)
    {
        if (!_parsed.GetValue(Quiet))
        {
            Console.Error.Write(text.EndsWith('\n') ? text : text + "\n");
        }
    }

    /// <summary>Runs long work under a bar with bytes and the time that is left.</summary>
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
                    task.Description = Markup.Escape($"{title}  {ByteSize.Format(p.BytesDone)} of {ByteSize.Format(p.BytesTotal)}, {Left(p)}");
                }));
            });
    }

    /// <summary>Writes a result to a file, or to stdout where it is called <c>-</c>.</summary>
    public static void Save(string path, string text, Action<string> save)
    {
        // Opened by its path a file that output is appended to would be written from its beginning.
        if (path is "-" or "/dev/stdout" or "/dev/fd/1" or "/proc/self/fd/1")
        {
            Result(text);
        }
        else
        {
            save(path);
        }
    }

    private static string Left(WorkProgress p) => p.Remaining is { } left ? left.ToString(left.TotalHours >= 1 ? @"h\:mm\:ss" : @"m\:ss", CultureInfo.InvariantCulture) + " left" : "...";

    /// <summary>Reports at once: the framework's Progress would queue reports past the end of the work.</summary>
    private sealed class Reporter(Action<WorkProgress> report) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => report(value);
    }

    private sealed class StderrLogger(LogLevel least) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= least && least != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Console.Error.WriteLine($"{logLevel.ToString().ToLowerInvariant()}: {formatter(state, exception)}");
            }
        }
    }
}
