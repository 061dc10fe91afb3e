using System.CommandLine;

namespace LayerSwap.Cli;

/// <summary>The options that swap, merge and plan share, and what is done with a builder in the end.</summary>
internal sealed class OutputOptions
{
    private readonly Option<string?> _output = new("--output", "-o") { Description = "The folder to write; it must not exist, or be empty.", HelpName = "OUT" };
    private readonly Option<string?> _dtype = new("--dtype") { Description = "The dtype of the output: f32, f16, bf16 or f64; as the inputs by default.", HelpName = "DTYPE" };
    private readonly Option<string?> _shardSize = new("--shard-size") { Description = "The size that files are filled to, such as 5GB (the default) or 500MB.", HelpName = "SIZE" };
    private readonly Option<bool> _forceDType = new("--force-dtype") { Description = "Give --dtype to every tensor, also to those that models of 16 bits keep in 32 on purpose, such as the biases of routers." };
    private readonly Option<int?> _threads = Choice.Number("--threads", "The number of threads; all processors by default. The result does not depend on it.");
    private readonly Option<int?> _seed = Choice.Number("--seed", "The seed of methods with randomness; 0 by default. The same seed gives the same bytes.");
    private readonly Option<VocabularyPolicy> _vocabulary = Choice.Of<VocabularyPolicy>("--vocabulary", "What to do when numbers of token rows differ: error (the default), truncate or pad.", "POLICY");
    private readonly Option<bool> _finite = new("--refuse-non-finite") { Description = "End the merge at the first NaN or infinity in an input that is computed with, or result too large for its dtype; by default they are counted and told." };
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Replace an output that exists, once the new one is whole." };
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on where a run of the same command ended before its end, or start if there is none." };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Show the plan and write nothing." };
    private readonly Option<string?> _part = new("--part") { Description = "Work one part of several, such as 3/16, on as many machines as share the file system; `--finish` makes the output of all.", HelpName = "I/N" };
    private readonly Option<bool> _finish = new("--finish") { Description = "Make the output of parts that were worked by --part." };
    private readonly Option<string?> _planned = new("--planned") { Hidden = true };
    private readonly Option<bool> _json = new("--json") { Description = "Print the plan as JSON." };
    private readonly bool _planOnly;

    public OutputOptions(Command command, bool planOnly)
    {
        _planOnly = planOnly;
        Inputs = new InputOptions(command);
        Option[] options = planOnly
            ? [_output, _dtype, _forceDType, _shardSize, _threads, _seed, _vocabulary, _finite, _overwrite, _resume, _dryRun, _json]
            : [_output, _dtype, _forceDType, _shardSize, _threads, _seed, _vocabulary, _finite, _overwrite, _resume, _dryRun, _part, _finish, _planned];
        foreach (Option option in options)
        {
            command.Options.Add(option);
        }
    }

    /// <summary>How the models are read.</summary>
    public InputOptions Inputs { get; }

    /// <summary>Plans, shows the plan, and, unless only the plan was asked for, works it.</summary>
    /// <param name="builder">The merge.</param>
    /// <param name="parsed">What was typed.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <param name="target">The output where it was given without -o.</param>
    /// <param name="arguments">What could have been typed for the same plan, where that is not what was.</param>
    public async Task<int> FinishAsync(MergeBuilder builder, ParseResult parsed, CancellationToken cancellation, string? target = null, IReadOnlyList<string>? arguments = null)
    {
        Terminal terminal = new(parsed);
        MergePart? part = parsed.GetValue(_part) is not { } text ? null
            : MergePart.TryParse(text) ?? throw new UsageException($"--part {text}: a part such as 3/16 is expected, from 1/16 to 16/16.");
        if (part is not null && parsed.GetValue(_finish))
        {
            throw new UsageException("--part and --finish were given; parts are worked first, all of them, and then finished.");
        }

        bool dry = _planOnly || parsed.GetValue(_dryRun);
        string? path = parsed.GetValue(_output) ?? target;
        if (target is not null && parsed.GetValue(_output) is { } other && other != target)
        {
            throw new UsageException($"two outputs were given, {Printable.Escape(target)} and {Printable.Escape(other)}; one is expected.");
        }

        if (string.IsNullOrEmpty(path) && !dry)
        {
            throw new UsageException(parsed.GetValue(_planned) is { } made ? $"{Printable.Escape(made)} is a plan without an output folder. Remedy: plan again, with -o OUT."
                : "an output folder is needed: -o OUT. To see only what would be done, use `layerswap plan`.");
        }

        MergePlan plan = Apply(builder, parsed).Plan();
        if (parsed.GetValue(_planned) is { } planned)
        {
            try
            {
                plan.RequireSameAs(File.ReadAllText(planned));
            }
            catch (FormatException e)
            {
                throw new UsageException($"{Printable.Escape(planned)}: {e.Message}");
            }
        }

        if (dry)
        {
            Terminal.Result(_planOnly && parsed.GetValue(_json) ? PlanFile.Write(plan, arguments ?? [.. PlanFile.Typed(parsed)]) : plan.ToString());
            return ExitCode.Done;
        }

        if (!parsed.GetValue(_finish))
        {
            terminal.Note(plan.ToString());
        }

        MergeResult result;
        try
        {
            SaveOptions options = new() { Logger = terminal.Logger, Overwrite = parsed.GetValue(_overwrite), Resume = parsed.GetValue(_resume), KeepPartial = true, RefuseNonFinite = parsed.GetValue(_finite) };
            result = await terminal.WithProgress("merging", progress => part is not null ? plan.ExecutePartAsync(path!, part, options with { Progress = progress }, cancellation)
                : parsed.GetValue(_finish) ? plan.AssembleAsync(path!, options with { Progress = progress }, cancellation)
                : plan.ExecuteAsync(path!, options with { Progress = progress }, cancellation));
        }
        catch (OperationCanceledException e) when (Merge.FindPartialOutput(path!) is { } left)
        {
            throw new StoppedException($"stopped; what is done is kept in {Printable.Escape(left)}. The same command {(part is null ? "with --resume " : "")}goes on with it; `layerswap clean {Printable.Escape(path!)}` removes it.", e);
        }

        foreach (string warning in result.NonFinite.Select(n => n.ToString()).Concat(result.Overflows.Select(o => o.ToString())))
        {
            terminal.Note($"warning: {warning}");
        }

        Terminal.Result(part is null ? result.ToString() : result.Tensors > 0 ? $"part {part}: {result}" : $"part {part}: nothing to do");
        return ExitCode.Done;
    }

    private MergeBuilder Apply(MergeBuilder builder, ParseResult parsed)
    {
        builder = builder.Allow(Inputs.Allowed(parsed));
        if (parsed.GetValue(_forceDType) && parsed.GetValue(_dtype) is null)
        {
            throw new UsageException("--force-dtype was given without --dtype.");
        }

        if (parsed.GetValue(_dtype) is { } dtype)
        {
            builder = builder.As(dtype switch
            {
                "f32" or "float32" => DType.Float32,
                "f16" or "float16" => DType.Float16,
                "bf16" or "bfloat16" => DType.BFloat16,
                "f64" or "float64" => DType.Float64,
                _ => throw new UsageException($"--dtype {dtype}: f32, f16, bf16 or f64 is expected."),
            }, parsed.GetValue(_forceDType));
        }

        if (parsed.GetValue(_shardSize) is { } size)
        {
            builder = builder.InShardsOf(ByteSize.TryParse(size, out long bytes) ? bytes : throw new UsageException($"--shard-size {size}: a size such as 5GB or 500MB is expected."));
        }

        if (parsed.GetValue(_threads) is { } threads)
        {
            builder = builder.OnThreads(threads is >= 1 and <= 1024 ? threads : throw new UsageException($"--threads {threads}: 1 to 1024 is expected."));
        }

        // A recipe may have said it already.
        if (parsed.GetResult(_vocabulary) is { Implicit: false })
        {
            builder = builder.Vocabulary(parsed.GetValue(_vocabulary));
        }

        return builder.WithSeed(Seed(parsed));
    }

    /// <summary>The seed asked for; 0 without one.</summary>
    public long Seed(ParseResult parsed) => parsed.GetValue(_seed) ?? 0;
}
