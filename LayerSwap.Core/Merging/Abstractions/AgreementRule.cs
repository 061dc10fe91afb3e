namespace LayerSwap;

/// <summary>
/// Which operands must agree on an element for it to come out unchanged, to the bit, NaN payloads included. Arithmetic alone would give
/// nearly that; the rule makes it exact, where all dtypes are the output's.
/// </summary>
public enum AgreementRule
{
    /// <summary>No such promise: a scaled sum of equal values is another value.</summary>
    None,

    /// <summary>Where all sources agree, whatever the base is: averages.</summary>
    Sources,

    /// <summary>Where the base and all sources agree: sums of changes.</summary>
    All,
}
