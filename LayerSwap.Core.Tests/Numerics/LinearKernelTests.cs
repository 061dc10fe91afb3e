using LayerSwap.Merging;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Tests.Numerics;

/// <summary>The definitions, in doubles, in the order of the models, one rounding at the end. Bits are compared: zeros have signs.</summary>
public class LinearKernelTests
{
    private static readonly double[][] Weights =
        [[1], [0.5, 0.5], [0.3, 0.7], [0, 1], [1, 0], [0.5, -0.5], [-1, 2], [0.2, 0.3, 0.5], [1.0 / 3, 1.0 / 3, 1.0 / 3], [-1, 0.5, 0.25, 1e-3], [1, 1e-300]];

    [Fact]
    public void A_weighted_sum_is_that_of_the_definition_at_every_length()
    {
        ForAll((weights, length, start, noise) =>
        {
            float[] data = noise.Weights((weights.Length * length) + start);
            float[] output = Room(length + start);
            LinearKernel.Combine(weights, 1, new Rows<float>(data.AsSpan(start), length), output.AsSpan(start, length));
            for (int i = 0; i < length; i++)
            {
                double sum = weights[0] * data[start + i];
                for (int k = 1; k < weights.Length; k++)
                {
                    sum += weights[k] * data[start + (k * length) + i];
                }

                AssertSame((float)sum, output[start + i]);
            }

            AssertUntouched(output, start, length);
        });
    }

    [Fact]
    public void Task_vectors_are_added_as_defined_at_every_length()
    {
        ForAll((weights, length, start, noise) =>
        {
            float[] data = noise.Weights((weights.Length * length) + start), origin = noise.Weights(length);
            float[] output = Room(length + start);
            LinearKernel.AddTaskVectors(weights, 0.8, origin, new Rows<float>(data.AsSpan(start), length), output.AsSpan(start, length));
            for (int i = 0; i < length; i++)
            {
                double sum = weights[0] * ((double)data[start + i] - origin[i]);
                for (int k = 1; k < weights.Length; k++)
                {
                    sum += weights[k] * ((double)data[start + (k * length) + i] - origin[i]);
                }

                AssertSame((float)(origin[i] + (0.8 * sum)), output[start + i]);
            }

            AssertUntouched(output, start, length);
        });
    }

    /// <summary>A block's length and an element's place in it are accidents: the same operands give the same bits anywhere.</summary>
    [Theory]
    [InlineData(-0f, 5f, 1, 0)]
    [InlineData(-3f, -0f, 0, 0.5)]
    [InlineData(-0f, 0f, 0.5, -0.5)]
    [InlineData(-0f, -0f, 1, 2)]
    [InlineData(0f, 0f, -1, -1)]
    public void Zeros_have_the_same_sign_wherever_they_stand(float a, float b, double first, double second)
    {
        float[] data = [.. Enumerable.Repeat(a, 37), .. Enumerable.Repeat(b, 37)], origin = [.. Enumerable.Repeat(-0f, 37)];
        float[] sums = Room(37), added = Room(37);
        LinearKernel.Combine([first, second], 1, new Rows<float>(data, 37), sums.AsSpan(0, 37));
        LinearKernel.AddTaskVectors([first, second], 1, origin, new Rows<float>(data, 37), added.AsSpan(0, 37));
        Assert.Single(sums[..37].Select(BitConverter.SingleToUInt32Bits).Distinct());
        Assert.Single(added[..37].Select(BitConverter.SingleToUInt32Bits).Distinct());
    }

    [Fact]
    public void Any_numbers_are_summed_alike()
    {
        float[] data = new Noise(9).AnyFloats(3 * 1003);
        float[] output = new float[1003];
        LinearKernel.Combine([0.25, 0.5, 0.25], 1, new Rows<float>(data, 1003), output);
        for (int i = 0; i < output.Length; i++)
        {
            AssertSame((float)((0.25 * data[i]) + (0.5 * data[1003 + i]) + (0.25 * data[2006 + i])), output[i]);
        }
    }

    [Fact]
    public void In_doubles_nothing_is_rounded_but_the_operations()
    {
        double[] data = [0.1, 0.2, 0.3, 1e-300, 4, 5], output = new double[3];
        LinearKernel.Divided([1, 3], 4, new Rows<double>(data, 3), output);
        Assert.Equal([(0.1 + (3 * 1e-300)) / 4, (0.2 + (3.0 * 4)) / 4, (0.3 + (3.0 * 5)) / 4], output);
        LinearKernel.AddTaskVectors([0.5, 2], 0.25, [1, 2, 3], new Rows<double>(data, 3), output);
        double[] expected = [.. Enumerable.Range(0, 3).Select(i => (i + 1) + (0.25 * ((0.5 * (data[i] - (i + 1))) + (2 * (data[3 + i] - (i + 1))))))];
        Assert.Equal(expected, output);
    }

    [Fact]
    public void Cancellation_costs_nothing()
    {
        float[] data = [.. Enumerable.Repeat(16777216f, 17), .. Enumerable.Repeat(-16777216f, 17), .. Enumerable.Repeat(1e-6f, 17)];
        float[] output = new float[17];
        LinearKernel.Combine([1, 1, 1], 1, new Rows<float>(data, 17), output);
        Assert.All(output, o => Assert.Equal(1e-6f, o));
    }

    private static void ForAll(Action<double[], int, int, Noise> check)
    {
        Noise noise = new(10);
        foreach (double[] weights in Weights)
        {
            for (int length = 0; length <= 100; length++)
            {
                check(weights, length, length % 5, noise);
            }
        }
    }

    private static float[] Room(int length) => [.. Enumerable.Repeat(12345f, length + 20)];

    private static void AssertUntouched(float[] output, int start, int length) =>
        Assert.True(output.AsSpan(0, start).IndexOfAnyExcept(12345f) < 0 && output.AsSpan(start + length).IndexOfAnyExcept(12345f) < 0);

    private static void AssertSame(float expected, float actual)
    {
        if (!(float.IsNaN(expected) ? float.IsNaN(actual) : BitConverter.SingleToUInt32Bits(expected) == BitConverter.SingleToUInt32Bits(actual)))
        {
            Assert.Fail(FormattableString.Invariant($"{expected:R} expected, {actual:R} found"));
        }
    }
}
