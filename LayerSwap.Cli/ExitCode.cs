using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Runtime.InteropServices;

namespace LayerSwap.Cli;

/// <summary>Runs a command and turns what becomes of it into an exit code; an error is a short paragraph on stderr.</summary>
internal static class ExitCode
{
    public const int Done = 0, Usage = 2, BadInput = 3, IO = 4;

    /// <summary>A path may begin with @: nothing is a file of further arguments.</summary>
    public static readonly ParserConfiguration Parsing = new() { ResponseFileTokenReplacer = null };

    private const string NoCommand = "Required command was not provided.";

    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        ParseResult parsed = root.Parse(args, Parsing);
        string[] messages = [.. parsed.Errors.Select(e => e.Message).Concat(Misspelt(parsed)).Distinct(StringComparer.Ordinal)];
        if (messages.Length > 0 && parsed.Action is not System.CommandLine.Help.HelpAction)
        {
            // Where a command is misspelt none was given either; only the former is news.
            foreach (string message in messages.Where(m => messages.Length == 1 || m != NoCommand))
            {
                await Console.Error.WriteLineAsync("layerswap: " + message);
            }

            await Console.Error.WriteLineAsync($"See `layerswap {string.Join(' ', Path(parsed))}--help`.");
            return Usage;
        }

        using CancellationTokenSource stop = new();
        int signal = 0;
        void OnSignal(PosixSignalContext context, int number)
        {
            context.Cancel = true;
            signal = number;
            stop.Cancel();
        }

        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, c => OnSignal(c, 2));
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, c => OnSignal(c, 15));
        using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, c => OnSignal(c, 1));
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, stop.Token);
        }
        catch (OperationCanceledException e) when (signal != 0)
        {
            await Console.Error.WriteLineAsync("layerswap: " + ((e as StoppedException)?.Message ?? "stopped; nothing was left behind."));
            return 128 + signal;
        }
        catch (Exception e) when (Of(e) is { } code)
        {
            await Console.Error.WriteLineAsync("layerswap: " + Message(e));
            return code;
        }
    }

    /// <summary>Without what .NET appends on the parameter of a method, which means nothing to who typed a command; and with a remedy, which errors of the system lack.</summary>
    private static string Message(Exception e)
    {
        string message = e is ArgumentException { ParamName: { } name } && e.Message.IndexOf($" (Parameter '{name}')", StringComparison.Ordinal) is > 0 and int end ? e.Message[..end] : e.Message;
        return e switch
        {
            _ when message.Contains("Remedy: ", StringComparison.Ordinal) => message,
            UnauthorizedAccessException => $"{message} Remedy: check the permissions of this path, or run as the user that it belongs to.",
            IOException => $"{message} Remedy: check the path, and the disk that it lies on.",
            _ => message,
        };
    }

    private static int? Of(Exception e) => e switch
    {
        CheckpointException or MergeException or RecipeException or BadInputException => BadInput,
        InputChangedException => IO,
        OutputException output => output.Refused ? Usage : IO,
        UsageException or ArgumentException => Usage,
        IOException or UnauthorizedAccessException => IO,
        _ => null,
    };

    /// <summary>What was taken for a path and is an option that there is not; after two hyphens anything is a path. Numbers are values of an option that is named already.</summary>
    private static IEnumerable<string> Misspelt(ParseResult parsed)
    {
        HashSet<Token> before = [.. parsed.Tokens.TakeWhile(t => t.Type != TokenType.DoubleDash)];
        return parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens)
            .Where(t => before.Contains(t) && t.Value is ['-', not '-', ..] or ['-', '-', _, ..] && !double.TryParse(t.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out _))
            .Select(t => $"There is no option '{Printable.Escape(t.Value)}'. A path that begins so is written './{Printable.Escape(t.Value)}'.");
    }

    /// <summary>The names of the commands typed, for the hint where help is.</summary>
    private static IEnumerable<string> Path(ParseResult parsed)
    {
        Stack<string> names = new();
        for (SymbolResult? at = parsed.CommandResult; at?.Parent is not null; at = at.Parent)
        {
            names.Push(((CommandResult)at).Command.Name);
        }

        return names.Count == 0 ? [] : [.. names, ""];
    }
}

/// <summary>Long work was stopped, and something of it is left.</summary>
internal sealed class StoppedException(string message, Exception inner) : OperationCanceledException(message, inner);

/// <summary>What was typed does not make sense together.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>A file that was named is missing, or not what it should be.</summary>
internal sealed class BadInputException(string message) : Exception(message);
