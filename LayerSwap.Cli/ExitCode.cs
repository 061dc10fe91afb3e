using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Runtime.InteropServices;

namespace LayerSwap.Cli;

/// <summary>Runs a command and returns its exit code. An error is a short paragraph on stderr.</summary>
internal static class ExitCode
{
    public const int Success = 0, Usage = 2, BadInput = 3, IO = 4;

    /// <summary>Arguments that begin with @ are paths, not response files.</summary>
    public static readonly ParserConfiguration Parsing = new() { ResponseFileTokenReplacer = null };

    private const string NoCommand = "Required command was not provided.";

    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        ParseResult parsed = root.Parse(args, Parsing);
        string[] messages = [.. parsed.Errors.Select(e => e.Message).Concat(FindUnknownOptions(parsed)).Distinct(StringComparer.Ordinal)];
        if (messages.Length > 0 && parsed.Action is not System.CommandLine.Help.HelpAction)
        {
            // A misspelt command is also a missing command: only the first message helps.
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
            InvocationConfiguration configuration = new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return await parsed.InvokeAsync(configuration, stop.Token);
        }
        catch (OperationCanceledException e) when (signal != 0)
        {
            string message = (e as StoppedException)?.Message ?? "stopped; nothing was left behind.";
            await Console.Error.WriteLineAsync("layerswap: " + message);
            return 128 + signal;
        }
        catch (Exception e) when (Of(e) is { } code)
        {
            await Console.Error.WriteLineAsync("layerswap: " + Message(e));
            return code;
        }
    }

    /// <summary>Formats an error without .NET parameter names, and adds a remedy to system errors.</summary>
    private static string Message(Exception e)
    {
        string message = e.Message;
        if (e is ArgumentException { ParamName: { } name }
            && message.IndexOf($" (Parameter '{name}')", StringComparison.Ordinal) is > 0 and int end)
        {
            message = message[..end];
        }

        return e switch
        {
            _ when message.Contains("Remedy: ", StringComparison.Ordinal) => message,
            UnauthorizedAccessException => $"{message} Remedy: check the permissions of this path, or run as its owner.",
            IOException => $"{message} Remedy: check the path and its disk.",
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

    /// <summary>Finds unknown options among the paths. After -- everything is a path; negative numbers are option values.</summary>
    private static IEnumerable<string> FindUnknownOptions(ParseResult parsed)
    {
        HashSet<Token> beforeDoubleHyphen = [.. parsed.Tokens.TakeWhile(t => t.Type != TokenType.DoubleDash)];
        bool IsNumber(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _);
        bool IsUnknownOption(Token t) =>
            beforeDoubleHyphen.Contains(t) && t.Value is ['-', not '-', ..] or ['-', '-', _, ..] && !IsNumber(t.Value);
        return parsed.CommandResult.Children.OfType<ArgumentResult>()
            .SelectMany(a => a.Tokens)
            .Where(IsUnknownOption)
            .Select(t => $"There is no option '{Printable.Escape(t.Value)}'. "
                + $"A path that begins so is written './{Printable.Escape(t.Value)}'.");
    }

    /// <summary>Returns the names of the commands typed, for the hint to their help.</summary>
    private static IEnumerable<string> Path(ParseResult parsed)
    {
        Stack<string> names = new();
        for (SymbolResult? result = parsed.CommandResult; result?.Parent is not null; result = result.Parent)
        {
            names.Push(((CommandResult)result).Command.Name);
        }

        return names.Count == 0 ? [] : [.. names, ""];
    }
}

/// <summary>A run was stopped, and a partial output is left.</summary>
internal sealed class StoppedException(string message, Exception inner) : OperationCanceledException(message, inner);

/// <summary>The arguments are invalid, or contradict each other.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>An input file is missing or invalid.</summary>
internal sealed class BadInputException(string message) : Exception(message);
