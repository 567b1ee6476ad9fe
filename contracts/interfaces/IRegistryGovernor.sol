// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev How a DAO decides; each has bounds that no decision can leave.
struct GovernorRules {
    /// Seconds from a proposal to its snapshot, when the voting starts.
    uint48 votingDelay;
    /// Seconds of voting.
    uint32 votingPeriod;
    /// Votes that a proposer needs.
    uint256 proposalThreshold;
    /// Percent of all votes that must take part (for or abstain).
    uint256 quorumPercent;
    /// Votes that must take part at least, whatever the percentage says. Never changes.
    uint96 quorumFloor;
    /// Seconds of voting that are left, at least, after the quorum was reached.
    uint48 lateQuorumExtension;
    /// May cancel proposals and brake, until `guardianUntil`.
    address guardian;
    uint48 guardianUntil;
    /// How much of the vote token the treasury may spend with the ordinary quorum, from the start on. Any other call to the
    /// token, such as the delegation of the treasury's votes, is above it.
    uint256 voteTokenCap;
}

/// @dev A vote signed by its voter: OpenZeppelin's EIP-712 `Ballot(proposalId,support,voter,nonce)`.
struct Ballot {
    address voter;
    /// 0 against, 1 for, 2 abstain.
    uint8 support;
    bytes signature;
}

/// @title The governor of the registry: OpenZeppelin's, with what it leaves open closed.
/// @notice A proposal's description ends with `#proposer=0x<address>`. Its id commits to chain, governor, actions,
/// description and the code of every contract that is called, so code that changed after the vote cannot be executed.
/// What is not queued within 14 days after the vote, or not executed within 14 days after its delay, expires.
interface IRegistryGovernor {
    /* EVENTS */

    /// @notice A ballot in a batch was not counted.
    /// @param proposalId The proposal.
    /// @param voter Whose ballot it was.
    /// @param reason The selector of the error.
    event BallotRefused(uint256 indexed proposalId, address indexed voter, bytes4 reason);

    /// @notice Quorum was reached late, so voting goes on for longer.
    /// @param proposalId The proposal.
    /// @param extendedDeadline Until when one can vote now.
    event ProposalExtended(uint256 indexed proposalId, uint64 extendedDeadline);

    /// @notice The time after a late quorum changed.
    /// @param oldVoteExtension Seconds before.
    /// @param newVoteExtension Seconds from now on.
    event LateQuorumVoteExtensionSet(uint64 oldVoteExtension, uint64 newVoteExtension);

    /// @notice An account may cancel proposals and brake.
    /// @param guardian The account.
    /// @param until Until when.
    event GuardianSet(address guardian, uint48 until);

    /// @notice A proposal may spend another amount of a token with the ordinary quorum.
    /// @param token The token; zero for the native coin.
    /// @param cap How much; nothing is capped at the maximum.
    event SpendingCapSet(address indexed token, uint256 cap);

    /* ERRORS */

    /// @dev A setting outside of its bounds.
    error SettingOutOfBounds(bytes32 setting, uint256 value, uint256 minimum, uint256 maximum);

    /// @dev A description must end with `#proposer=` and the address of who proposes, or anybody could propose the same and
    /// cancel it.
    error ProposerSuffixMissing(address proposer);

    /// @dev A call with data to an account without code would do nothing and look like success.
    error TargetWithoutCode(address target);

    /// @dev Spends more than the cap: that takes twice the quorum in votes for it.
    error SpendingNeedsMoreVotes(uint256 proposalId, address token, uint256 forVotes, uint256 needed);

    /// @dev The guardian cannot cancel a proposal that only names another.
    error GuardianCannotStay(address guardian);

    /// @dev The governor keeps its timelock: another timelock takes another governor.
    error TimelockIsFixed();

    /// @dev What the governor relays cannot go to its timelock, round the checks of execution.
    error RelayToTimelock();

    /// @dev A batch holds at least one ballot.
    error NoBallots();

    /* VOTING */

    /// @notice Count many signed votes; anybody may bring them. One that is invalid, was counted before or costs too much
    /// to check is left out and does not stop the others.
    /// @param proposalId The proposal.
    /// @param ballots The votes.
    /// @return counted How many were counted.
    function castVotesBySig(uint256 proposalId, Ballot[] calldata ballots) external returns (uint256 counted);

    /// @notice Cancel a proposal: by the guardian. Unlike `cancel` it works whatever became of the code that is called.
    /// @param proposalId The proposal.
    function cancelById(uint256 proposalId) external;

    /* SETTINGS: only by a proposal */

    /// @notice Name who may cancel proposals and brake.
    /// @param guardian The account; zero for nobody.
    /// @param until Until when, a year from now at most.
    function setGuardian(address guardian, uint48 until) external;

    /// @notice Set how much a proposal may spend of a token with the ordinary quorum.
    /// @dev A call to a capped token that is no plain transfer counts as above the cap, and so does sending elsewhere what
    /// waits for the treasury in a ledger.
    /// @param token The token; zero for the native coin.
    /// @param cap How much.
    function setSpendingCap(address token, uint256 cap) external;

    /// @notice Set the time after a late quorum.
    /// @param extension The seconds of voting that are left, at least, after the quorum was reached.
    function setLateQuorumVoteExtension(uint48 extension) external;

    /* VIEWS */

    /// @notice Who may cancel and brake now.
    /// @return The guardian; zero for nobody.
    function guardian() external view returns (address);

    /// @notice Until when the guardian, past or present, may act.
    /// @return Seconds since 1970.
    function guardianUntil() external view returns (uint48);

    /// @notice Votes that must take part at least.
    /// @return Votes, of 18 decimals.
    function quorumFloor() external view returns (uint96);

    /// @notice The time after a late quorum.
    /// @return The seconds of voting that are left, at least, after the quorum was reached.
    function lateQuorumVoteExtension() external view returns (uint48);

    /// @notice How much a proposal may spend of a token with the ordinary quorum.
    /// @param token The token; zero for the native coin.
    /// @return How much.
    function spendingCap(address token) external view returns (uint256);

    /// @notice Votes so far.
    /// @param proposalId The proposal.
    /// @return againstVotes Votes against it.
    /// @return forVotes Votes for it.
    /// @return abstainVotes Votes of those who abstain.
    function proposalVotes(uint256 proposalId)
        external
        view
        returns (uint256 againstVotes, uint256 forVotes, uint256 abstainVotes);
}
