using LayerSwap.Common;

namespace LayerSwap.Tests.Common;

public class ProblemListTests
{
    [Fact]
    public void No_problems_do_not_throw() => new ProblemList().ThrowIfAny();

    [Fact]
    public void A_problem_of_many_tensors_is_reported_once()
    {
        ProblemList problems = new();
        for (int i = 0; i < 10; i++)
        {
            problems.Add("No dtype.", FormattableString.Invariant($"t{i}"));
        }

        problems.Add("No base.");
        problems.Add("No name.", "a\u001bb");
        MergeException error = Assert.Throws<MergeException>(() => problems.ThrowIfAny());
        Assert.Equal(["No dtype. (t0, t1, t2, t3, t4, t5, t6, t7 and 2 more)", "No base.", "No name. (a\\u001Bb)"], error.Problems);
        Assert.All(error.Problems, p => Assert.Contains(p, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void A_single_problem_is_the_message()
    {
        ProblemList problems = new();
        problems.Add("No base.");
        Assert.Equal("No base.", Assert.Throws<MergeException>(() => problems.ThrowIfAny()).Message);
    }

    [Fact]
    public void A_problem_of_all_tensors_names_none()
    {
        ProblemList problems = new();
        problems.Add("No dtype.", "a");
        problems.Add("No dtype.", "b");
        problems.Add("No shape.", "a");
        Assert.Equal(["No dtype.", "No shape. (a)"], Assert.Throws<MergeException>(() => problems.ThrowIfAny(2)).Problems);
    }
}
