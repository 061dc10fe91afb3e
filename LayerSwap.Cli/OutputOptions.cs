using System.CommandLine;

namespace LayerSwap.Cli;

/// <summary>The output options of swap, merge and plan, and the run of a configured merge.</summary>
internal sealed class OutputOptions
{
    private readonly Option<string?> _output = new("--output", "-o")
    {
        Description = "The folder to write; it must not exist, or be empty.",
        HelpName = "OUT",
    };

    private readonly Option<string?> _dtype = new("--dtype")
    {
        Description = "The dtype of the output: f32, f16, bf16 or f64; by default as the inputs.",
        HelpName = "DTYPE",
    };

    private readonly Option<string?> _shardSize = new("--shard-size")
    {
        Description = "The maximum size of a shard, such as 5GB (the default) or 500MB.",
        HelpName = "SIZE",
    };

    private readonly Option<OutputFormat> _format = OptionFactory.CreateEnum<OutputFormat>(
        "--format",
        "The format of the weights: safetensors (the default) or torchsharp (one file, for Module.load).",
        "FORMAT");

    private readonly Option<bool> _forceDType = new("--force-dtype")
    {
        Description = "Apply --dtype to every tensor, also to those that 16-bit models keep in 32 bits on purpose, such as router biases.",
    };

    private readonly Option<int?> _threads =
        OptionFactory.CreateInteger("--threads", "The number of threads; all processors by default. The result does not depend on it.");

    private readonly Option<int?> _seed =
        OptionFactory.CreateInteger("--seed", "The seed of random methods; 0 by default. The same seed gives the same bytes.");

    private readonly Option<VocabularyPolicy> _vocabulary = OptionFactory.CreateEnum<VocabularyPolicy>(
        "--vocabulary",
        "What to do if the numbers of token rows differ: error (the default), truncate or pad.",
        "POLICY");

    private readonly Option<bool> _refuseNonFinite = new("--refuse-non-finite")
    {
        Description = "Stop at the first NaN or infinity in a computed tensor's input, or result too large for its dtype; "
            + "by default they are counted and reported.",
    };

    private readonly Option<bool> _overwrite = new("--overwrite")
    {
        Description = "Replace an existing output, once the new one is complete.",
    };

    private readonly Option<bool> _resume = new("--resume")
    {
        Description = "Continue an interrupted run of the same command, or start if there is none.",
    };

    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Show the plan and write nothing." };

    private readonly Option<string?> _part = new("--part")
    {
        Description = "Execute one part of several, such as 3/16, on any machine that shares the file system; `--finish` combines them.",
        HelpName = "I/N",
    };

    private readonly Option<bool> _finish = new("--finish") { Description = "Combine the parts of --part into the output." };
    private readonly Option<string?> _planned = new("--planned") { Hidden = true };
    private readonly Option<bool> _json = new("--json") { Description = "Print the plan as JSON." };
    private readonly bool _planOnly;

    public OutputOptions(Command command, bool planOnly)
    {
        _planOnly = planOnly;
        Inputs = new InputOptions(command);
        Option[] common =
        [
            _output, _dtype, _forceDType, _format, _shardSize, _threads, _seed, _vocabulary, _refuseNonFinite, _overwrite, _resume, _dryRun,
        ];
        Option[] options = planOnly ? [.. common, _json] : [.. common, _part, _finish, _planned];
        foreach (Option option in options)
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The input options of the same command.</summary>
    public InputOptions Inputs { get; }

    /// <summary>Plans a merge, shows the plan, and executes it unless only the plan was requested.</summary>
    /// <param name="builder">The merge.</param>
    /// <param name="parsed">The command line.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <param name="target">The output folder if it is an argument instead of -o.</param>
    /// <param name="arguments">The arguments that reproduce the plan; null for the arguments of the command line.</param>
    public async Task<int> PlanAndExecuteAsync(
        MergeBuilder builder,
        ParseResult parsed,
        CancellationToken cancellation,
        string? target = null,
        IReadOnlyList<string>? arguments = null)
    {
        Terminal terminal = new(parsed);
        MergePart? part = ParsePart(parsed);
        bool dry = _planOnly || parsed.GetValue(_dryRun);
        string? path = OutputPath(parsed, target, dry);
        MergePlan plan = Apply(builder, parsed).Plan();
        RequirePlanned(plan, parsed);
        if (dry)
        {
            bool asJson = _planOnly && parsed.GetValue(_json);
            Terminal.WriteResult(asJson ? PlanFile.Write(plan, arguments ?? [.. PlanFile.GetArguments(parsed)]) : plan.ToString());
            return ExitCode.Success;
        }

        if (!parsed.GetValue(_finish))
        {
            terminal.WriteNote(plan.ToString());
        }

        MergeResult result = await ExecuteAsync(plan, path!, part, parsed, terminal, cancellation);
        foreach (string warning in result.NonFinite.Select(n => n.ToString()).Concat(result.Overflows.Select(o => o.ToString())))
        {
            terminal.WriteNote($"warning: {warning}");
        }

        Terminal.WriteResult(part is null ? result.ToString() : $"part {part}: {(result.Tensors > 0 ? result : "nothing to do")}");
        return ExitCode.Success;
    }

    private MergePart? ParsePart(ParseResult parsed)
    {
        MergePart? part = parsed.GetValue(_part) is not { } text
            ? null
            : MergePart.TryParse(text, out MergePart? parsedPart) ? parsedPart
                : throw new UsageException($"--part {text}: a part such as 3/16 is expected, from 1/16 to 16/16.");
        if (part is not null && parsed.GetValue(_finish))
        {
            throw new UsageException("--part and --finish were given; parts are executed first, all of them, and then finished.");
        }

        return part;
    }

    private string? OutputPath(ParseResult parsed, string? target, bool dry)
    {
        string? option = parsed.GetValue(_output);
        if (target is not null && option is not null && option != target)
        {
            string outputs = $"{Printable.Escape(target)} and {Printable.Escape(option)}";
            throw new UsageException($"two outputs were given, {outputs}; one is expected.");
        }

        string? path = option ?? target;
        if (!string.IsNullOrEmpty(path) || dry)
        {
            return path;
        }

        throw new UsageException(parsed.GetValue(_planned) is { } planned
            ? $"{Printable.Escape(planned)} is a plan without an output folder. Remedy: plan again, with -o OUT."
            : "an output folder is needed: -o OUT. To see only what would be done, use `layerswap plan`.");
    }

    /// <summary>Checks that the plan equals the one in the file of --planned, if given.</summary>
    private void RequirePlanned(MergePlan plan, ParseResult parsed)
    {
        if (parsed.GetValue(_planned) is not { } planned)
        {
            return;
        }

        try
        {
            plan.RequireSameAs(File.ReadAllText(planned));
        }
        catch (FormatException e)
        {
            throw new UsageException($"{Printable.Escape(planned)}: {e.Message}");
        }
    }

    private async Task<MergeResult> ExecuteAsync(
        MergePlan plan,
        string path,
        MergePart? part,
        ParseResult parsed,
        Terminal terminal,
        CancellationToken cancellation)
    {
        SaveOptions options = new()
        {
            Logger = terminal.Logger,
            Overwrite = parsed.GetValue(_overwrite),
            Resume = parsed.GetValue(_resume),
            KeepPartial = true,
            RefuseNonFinite = parsed.GetValue(_refuseNonFinite),
        };
        Task<MergeResult> Start(IProgress<WorkProgress>? progress)
        {
            SaveOptions reporting = options with { Progress = progress };
            if (part is not null)
            {
                return plan.ExecutePartAsync(path, part, reporting, cancellation);
            }

            return parsed.GetValue(_finish)
                ? plan.AssembleAsync(path, reporting, cancellation)
                : plan.ExecuteAsync(path, reporting, cancellation);
        }

        try
        {
            return await terminal.WithProgress("merging", Start);
        }
        catch (OperationCanceledException e) when (Merge.FindPartialOutput(path) is { } partial)
        {
            string resume = part is null ? "with --resume " : "";
            throw new StoppedException(
                $"stopped; what is done is kept in {Printable.Escape(partial)}. "
                    + $"The same command {resume}goes on with it; `layerswap clean {Printable.Escape(path)}` removes it.",
                e);
        }
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
            builder = builder.InShardsOf(ByteSize.TryParse(size, out long bytes)
                ? bytes
                : throw new UsageException($"--shard-size {size}: a size such as 5GB or 500MB is expected."));
        }

        builder = builder.InFormat(parsed.GetValue(_format));
        if (parsed.GetValue(_threads) is { } threads)
        {
            builder = builder.OnThreads(threads is >= 1 and <= 1024
                ? threads
                : throw new UsageException($"--threads {threads}: 1 to 1024 is expected."));
        }

        // A recipe may have set the policy already.
        if (parsed.GetResult(_vocabulary) is { Implicit: false })
        {
            builder = builder.Vocabulary(parsed.GetValue(_vocabulary));
        }

        return builder.WithSeed(Seed(parsed));
    }

    /// <summary>Returns the seed; 0 by default.</summary>
    public long Seed(ParseResult parsed) => parsed.GetValue(_seed) ?? 0;
}
