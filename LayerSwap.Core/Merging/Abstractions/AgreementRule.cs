namespace LayerSwap;

/// <summary>
/// Which operands must be equal in an element for it to be copied unchanged, including NaN payloads. Arithmetic alone would only nearly
/// keep such elements. The rule applies if all dtypes are the output's.
/// </summary>
public enum AgreementRule
{
    /// <summary>No rule: a scaled sum of equal values differs from them.</summary>
    None,

    /// <summary>All sources must be equal, whatever the base is: averages.</summary>
    Sources,

    /// <summary>The base and all sources must be equal: sums of deltas.</summary>
    All,
}
