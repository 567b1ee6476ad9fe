// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {SlotLib, Turnout} from "../libraries/SlotLib.sol";
import {IRegistryGovernor} from "../interfaces/IRegistryGovernor.sol";

/// @title Tally: counts votes, and prolongs a vote whose quorum came late.
/// @dev The rules of OpenZeppelin's GovernorCountingSimple and GovernorPreventLateQuorum, kept in two slots a proposal
/// instead of four. Whoever votes for it touches one of them. The quorum is written down when it is first asked for: it
/// is of a moment in the past by then, so it is what `quorum` will ever say. Without that, each vote would look it up.
abstract contract Tally is Governor, IRegistryGovernor {
    using SlotLib for Turnout;

    struct Others {
        uint96 againstVotes;
        uint96 abstainVotes;
    }

    uint8 private constant AGAINST = 0;
    uint8 private constant FOR = 1;
    uint8 private constant ABSTAIN = 2;

    uint48 private _extension;
    mapping(uint256 proposalId => Turnout) internal _turnouts;
    mapping(uint256 proposalId => Others) private _others;
    mapping(uint256 proposalId => mapping(address voter => bool)) private _hasVoted;

    /// @inheritdoc IGovernor
    // solhint-disable-next-line func-name-mixedcase
    function COUNTING_MODE() public pure override returns (string memory) {
        return "support=bravo&quorum=for,abstain";
    }

    /// @inheritdoc IGovernor
    function hasVoted(uint256 proposalId, address account) public view override returns (bool) {
        return _hasVoted[proposalId][account];
    }

    /// @inheritdoc IRegistryGovernor
    function proposalVotes(uint256 proposalId)
        public
        view
        returns (uint256 againstVotes, uint256 forVotes, uint256 abstainVotes)
    {
        Others memory others = _others[proposalId];
        return (others.againstVotes, _turnouts[proposalId].votes - others.abstainVotes, others.abstainVotes);
    }

    /// @inheritdoc Governor
    function proposalDeadline(uint256 proposalId) public view virtual override returns (uint256) {
        uint256 deadline = super.proposalDeadline(proposalId);
        uint256 extended = _turnouts[proposalId].extendedDeadline;
        return extended > deadline ? extended : deadline;
    }

    /// @inheritdoc IRegistryGovernor
    function lateQuorumVoteExtension() public view returns (uint48) {
        return _extension;
    }

    /* INTERNAL */

    function _setLateQuorumVoteExtension(uint48 extension) internal {
        emit LateQuorumVoteExtensionSet(_extension, extension);
        _extension = extension;
    }

    /// @return The quorum of a proposal for which somebody voted, or abstained; zero before.
    function _quorumOf(uint256 proposalId) internal view returns (uint256) {
        return _turnouts[proposalId].quorum;
    }

    /// @inheritdoc Governor
    function _quorumReached(uint256 proposalId) internal view override returns (bool) {
        return _turnouts[proposalId].extendedDeadline != 0;
    }

    /// @inheritdoc Governor
    function _voteSucceeded(uint256 proposalId) internal view override returns (bool) {
        Others memory others = _others[proposalId];
        // More for than against, with the abstentions on both sides.
        return _turnouts[proposalId].votes > uint256(others.againstVotes) + others.abstainVotes;
    }

    /// @inheritdoc Governor
    function _countVote(uint256 proposalId, address account, uint8 support, uint256 weight, bytes memory)
        internal
        override
        returns (uint256)
    {
        if (_hasVoted[proposalId][account]) revert GovernorAlreadyCastVote(account);
        _hasVoted[proposalId][account] = true;
        // Votes of one moment are at most the supply, which fits.
        if (support == AGAINST) {
            _others[proposalId].againstVotes += uint96(weight);
            return weight;
        }
        if (support == ABSTAIN) _others[proposalId].abstainVotes += uint96(weight);
        else if (support != FOR) revert GovernorInvalidVoteType();
        Turnout memory turnout = _turnouts[proposalId];
        turnout.votes += uint96(weight);
        // Zero until the quorum is reached, and never again: a mark, not an amount.
        if (turnout.extendedDeadline == 0) _checkQuorum(proposalId, turnout);
        _turnouts[proposalId].write(turnout);
        return weight;
    }

    /// @dev Changes a turnout in memory: the quorum, if it was not asked for before, and the deadline once it is reached.
    function _checkQuorum(uint256 proposalId, Turnout memory turnout) private {
        // Zero until it is asked for: no quorum is zero, as it has a floor.
        if (turnout.quorum == 0) turnout.quorum = uint96(quorum(proposalSnapshot(proposalId)));
        if (turnout.votes < turnout.quorum) return;
        turnout.extendedDeadline = clock() + _extension;
        if (turnout.extendedDeadline > super.proposalDeadline(proposalId)) {
            emit ProposalExtended(proposalId, turnout.extendedDeadline);
        }
    }
}
